//! Requests over HTTP that nobody should send.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::support::Reply;
use crate::support::full::full;
use crate::support::post;

fn is_problem(reply: &Reply, status: u16, kind: &str, asked: &str) {
    assert_eq!(reply.status, status, "{asked}: {}", reply.text);
    assert_eq!(reply.kind, "application/problem+json", "{asked}");
    let problem = reply.json();
    assert_eq!(
        problem["type"],
        format!("urn:skytier:problem:{kind}"),
        "{asked}"
    );
    assert_eq!(problem["status"], status, "{asked}");
    for inner in ["src/", ".rs", "panicked", "SQL", "rusqlite"] {
        assert!(!reply.text.contains(inner), "{asked}: {}", reply.text);
    }
}

#[test]
fn junk_gets_a_problem_document_and_the_daemon_stays_up() {
    let site = &full().site;
    let days = "/v1/air/days?area=group:city&from=2020-01-01&to=2020-01-02";
    let long = format!("/v1/stations?after={}", "a".repeat(5_000));
    let cases = [
        ("/nothing".to_owned(), 404, "not-found"),
        (
            "/v1/air/days?area=group:nobody&from=2020-01-01&to=2020-01-02".to_owned(),
            404,
            "not-found",
        ),
        ("/v1/stations/nobody/readings".to_owned(), 404, "not-found"),
        ("/v1/charts/cake.svg".to_owned(), 404, "not-found"),
        ("/v1/charts/pm25.gif".to_owned(), 404, "not-found"),
        ("/?year=soon".to_owned(), 400, "bad-parameter"),
        ("/?lang=fr".to_owned(), 400, "bad-parameter"),
        ("/v1/air/days".to_owned(), 400, "bad-parameter"),
        (format!("{days}&to=2020-01-03"), 400, "bad-parameter"),
        (format!("{days}&surprise=1"), 400, "bad-parameter"),
        (format!("{days}&edition=1999"), 400, "bad-parameter"),
        (format!("{days}&min_stations=-1"), 400, "bad-parameter"),
        (format!("{days}&known_at=now"), 400, "bad-parameter"),
        (
            "/v1/air/days?from=2020-01-02&to=2020-01-01".to_owned(),
            400,
            "bad-parameter",
        ),
        (
            "/v1/air/days?from=0001-01-01&to=9999-12-31".to_owned(),
            400,
            "bad-parameter",
        ),
        (
            "/v1/air/days?from=2020-02-30&to=2020-03-01".to_owned(),
            400,
            "bad-parameter",
        ),
        (
            "/v1/stations/Dongsi/readings?limit=0".to_owned(),
            400,
            "bad-parameter",
        ),
        (
            "/v1/stations/Dongsi/readings?limit=99999999".to_owned(),
            400,
            "bad-parameter",
        ),
        (
            "/v1/stations/Dongsi/readings?by=week".to_owned(),
            400,
            "bad-parameter",
        ),
        ("/v1/stations/%FF/readings".to_owned(), 400, "bad-parameter"),
        (
            "/v1/stations/a%2Fb/readings".to_owned(),
            400,
            "bad-parameter",
        ),
        ("/v1/enterprises/%00/tier".to_owned(), 400, "bad-parameter"),
        (long, 400, "bad-parameter"),
    ];
    for (path, status, kind) in &cases {
        is_problem(&site.fetch(path), *status, kind, path);
    }
    assert_eq!(site.fetch("/healthz").text, "ok\n");
}

#[test]
fn a_path_that_is_read_is_not_written_to_and_bodies_have_a_limit() {
    let site = &full().site;
    for path in ["/", "/v1/stations", "/v1/air/now", "/metrics"] {
        let reply = post(&format!("{}{path}", site.http), b"{}").expect("an answer");
        is_problem(&reply, 405, "method-not-allowed", path);
    }
    let body = vec![b'x'; 2 << 20];
    match post(&format!("{}/v1/stations", site.http), &body) {
        Ok(reply) => is_problem(&reply, 413, "body-too-large", "a large body"),
        // The answer may come before the body is through; then the connection just ends.
        Err(fault) => println!("cut off: {fault}"),
    }
    assert_eq!(site.fetch("/healthz").status, 200);
}

#[test]
fn bytes_that_are_no_http_end_their_connection_only() {
    let site = &full().site;
    let address = site.http.trim_start_matches("http://");
    let giant = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20));
    let headers = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(20_000));
    for junk in ["\0\0\0\0\r\n\r\n", "HELO mail\r\n\r\n", &giant, &headers] {
        let mut stream = TcpStream::connect(address).expect("a listener");
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).expect("a socket option");
        // Writing fails when the other side has had enough already.
        drop(stream.write_all(junk.as_bytes()));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{answer}");
    }
    assert_eq!(site.fetch("/healthz").status, 200);
}

#[test]
fn pages_of_readings_follow_one_another_without_gap_or_repeat() {
    let site = &full().site;
    for (by, key) in [("raw", "time"), ("hour", "time"), ("day", "date")] {
        let range = "to=2013-03-31T00:00:00%2B08:00";
        let all = site.readings("Dongsi", &format!("by={by}&{range}&limit=10000"));
        let (mut pages, mut from) = (Vec::new(), "2013-03-01T00:00:00%2B08:00".to_owned());
        loop {
            let path = format!("/v1/stations/Dongsi/readings?by={by}&{range}&limit=7&from={from}");
            let page = site.json(&path);
            pages.extend(page["readings"].as_array().expect("a list").iter().cloned());
            match page["next_from"].as_str() {
                Some(next) => from = next.replace('+', "%2B"),
                None => break,
            }
            assert!(pages.len() <= all.len(), "{by}: pages repeat themselves");
        }
        assert!(
            all.len() > 25 && pages == all,
            "{by}: {} of {}",
            pages.len(),
            all.len()
        );
        assert!(all.iter().all(|row| row[key].is_string()));
    }
}

/// What has no value is there and says why; a day counts as within a range when it ends there; CSV has every row.
#[test]
fn hours_and_days_of_a_station_have_no_holes() {
    let site = &full().site;
    let of = |by: &str, from: &str, to: &str| {
        let midnight = |day: &str| format!("{day}T00:00:00%2B08:00");
        let range = format!("from={}&to={}", midnight(from), midnight(to));
        format!("by={by}&{range}&limit=10000")
    };
    let june = of("day", "2013-06-04", "2013-06-07");
    let days = site.readings("Dongsi", &june);
    let dates: Vec<&str> = days.iter().filter_map(|day| day["date"].as_str()).collect();
    assert_eq!(dates, ["2013-06-04", "2013-06-05", "2013-06-06"]);
    let void = |day: &&serde_json::Value| day["value"].is_null();
    let voids: Vec<_> = days.iter().filter(void).collect();
    assert_eq!(voids.len(), 2, "{days:?}");
    for day in voids {
        let why = day["void_reason"].as_str().expect("why");
        assert!(why.starts_with("pm25 "), "{why}");
    }
    let hours = site.readings("Dongsi", &of("hour", "2013-06-04", "2013-06-07"));
    assert_eq!(hours.len(), 72);
    assert!(
        hours
            .iter()
            .filter(void)
            .all(|hour| hour["void_reason"].is_string())
    );
    // A second into a day is no day.
    let beyond = june.replace("2013-06-07T00:00:00", "2013-06-07T00:00:01");
    assert_eq!(site.readings("Dongsi", &beyond), days);
    let lines = |query: &str| {
        let path = format!("/v1/stations/Dongsi/readings?format=csv&{query}");
        site.fetch(&path).text
    };
    let csv = lines(&june.replace("&limit=10000", ""));
    assert!(
        csv.starts_with("station,factor,date,value,void_reason\nDongsi,pm25,2013-06-04,"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 4);
    assert_eq!(
        lines("by=hour").lines().count(),
        1 + 24 * 1_461,
        "every hour of four years"
    );
    let stations = site.fetch("/v1/stations?format=csv").text;
    assert!(
        stations.starts_with("id,name_zh,name_en,class,"),
        "{stations}"
    );
    assert!(stations.contains("\nDongsi,"), "{stations}");
}

#[test]
fn what_will_be_known_is_asked_of_nobody() {
    let site = &full().site;
    let days = "area=group:city&from=2020-01-01&to=2020-01-02";
    for path in [
        format!("/v1/air/days?{days}"),
        format!("/v1/air/assessment?{days}"),
        format!("/v1/air/hours?{days}"),
        "/v1/air/targets?area=group:city&on=2020-06-30".to_owned(),
        "/v1/air/now?area=group:city".to_owned(),
        "/v1/stations/1999A/readings?factor=pm25".to_owned(),
    ] {
        let asked = format!("{path}&known_at=2090-01-01T00:00:00Z");
        let reply = site.fetch(&asked);
        is_problem(&reply, 400, "bad-parameter", &asked);
        assert!(reply.text.contains("lies ahead of now, "), "{}", reply.text);
        let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ");
        let asked = format!("{path}&known_at={now}");
        assert_eq!(site.fetch(&asked).status, 200, "{asked}");
    }
    for (path, expected) in [
        (
            "/v1/air/days?from=1899-01-01&to=2020-01-02",
            "of the years 1900 to 9998",
        ),
        (
            "/v1/air/days?from=2020-01-01&to=2020-01-02&edition=2012,auto",
            "auto stands alone",
        ),
    ] {
        let reply = site.fetch(path);
        is_problem(&reply, 400, "bad-parameter", path);
        assert!(reply.text.contains(expected), "{}", reply.text);
    }
}
