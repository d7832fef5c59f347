//! Readings taken out by order, as people order it: on the command line, over HTTP; figures follow.

use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::register::post_json;
use crate::reviews::day;
use crate::support::Daemon;
use crate::support::fails;
use crate::support::post_as;
use crate::support::run;
use crate::support::text;
use crate::support::verify;

const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
    a,甲,A,national,120.5,31.25,false,feed\n";

/// A daemon with a day of station `a`: PM2.5 of hour H is H.
fn daemon(folder: &Path) -> Daemon {
    let data = folder.join("data");
    let (stations, hours) = (folder.join("stations.csv"), folder.join("day.csv"));
    std::fs::write(&stations, STATIONS).expect("room on the disk");
    std::fs::write(&hours, day(|hour| hour.to_string())).expect("room on the disk");
    run(&["register", "--data", text(&data), text(&stations)]);
    let daemon = Daemon::start(&data, &[]);
    daemon.replay("canonical", &[hours]);
    daemon.settle();
    daemon
}

/// The day's PM2.5 and AQI.
fn figures(daemon: &Daemon) -> String {
    daemon.settle();
    let path = "/v1/air/days?area=station:a&from=2020-01-01&to=2020-01-01";
    let day = &daemon.json(path)[0];
    format!("{} {}", day["pm25"], day["aqi"])
}

fn order(change: impl FnOnce(&mut Value)) -> Value {
    let mut order = json!({
        "source": "a", "factor": "pm25", "from": "2020-01-01T20:00:00+08:00", "to": "2020-01-02T00:00:00+08:00",
        "reason": "span gas sent as readings", "by": "Li Na",
    });
    change(&mut order);
    order
}

#[test]
fn figures_do_without_what_was_taken_out_and_say_so_as_known_before() {
    let folder = tempfile::tempdir().expect("a directory");
    let daemon = daemon(folder.path());
    let url = format!("{}/v1/deletions", daemon.http);
    let give = |order: &Value| {
        let reply = post_json(&url, order);
        (reply.status, reply.json())
    };
    // 300 over 24 hours; the last four gone, 210 over 20.
    let before = figures(&daemon);
    assert!(before.starts_with("12"), "{before}");
    let (status, answer) = give(&order(|_| ()));
    assert_eq!((status, &answer), (200, &json!({"id": 1, "readings": 4})));
    let after = figures(&daemon);
    assert!(after.starts_with("10"), "{after}");
    // One hour fewer than 20 is no day any more.
    let (status, _) = give(&order(|order| {
        order["from"] = json!("2020-01-01T19:00:00+08:00")
    }));
    assert_eq!(status, 200);
    assert!(
        figures(&daemon).starts_with("null "),
        "{}",
        figures(&daemon)
    );
    let readings = daemon.readings("a", "factor=pm25&limit=100");
    assert_eq!(readings.len(), 19);
    // Nothing is left to be taken out; and orders that are none say what is wrong.
    let check = |order: Value, expected: &str| {
        let (status, answer) = give(&order);
        let detail = answer["detail"].as_str().unwrap_or_default().to_owned();
        assert_eq!(status, 400, "{order}: {answer}");
        assert!(detail.contains(expected), "{order}: {answer}");
    };
    check(order(|_| ()), "no reading");
    check(
        order(|order| order["to"] = order["from"].clone()),
        "after from",
    );
    check(order(|order| order["reason"] = json!("abnormal")), "ground");
    check(order(|order| order["by"] = json!("")), "name");
    check(order(|order| order["source"] = json!("a b")), "source");
    check(order(|order| order["much"] = json!(1)), "unknown field");
    assert_eq!(
        post_as(&url, "text/plain", order(|_| ()).to_string().as_bytes()).status,
        415
    );
    let list = daemon.json("/v1/deletions?limit=1");
    assert_eq!(list["next_after"], 1);
    let row = &list["deletions"][0];
    assert_eq!(
        (&row["id"], &row["source"], &row["by"]),
        (&json!(1), &json!("a"), &json!("Li Na"))
    );
    let rest = daemon.json("/v1/deletions?after=1");
    assert_eq!(
        (
            rest["deletions"][0]["id"].clone(),
            rest["next_after"].clone()
        ),
        (json!(2), Value::Null)
    );
    assert!(
        daemon.verify().contains("deletions: 2 checked\n"),
        "{}",
        daemon.verify()
    );
}

#[test]
fn the_command_takes_out_and_lists() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = {
        let daemon = daemon(folder.path());
        daemon.data.clone()
    };
    let delete = |more: &[&'static str]| {
        let mut args = vec!["delete", "--data", text(&data), "--source", "a"];
        args.extend([
            "--from",
            "2020-01-01T00:00:00+08:00",
            "--to",
            "2020-01-01T02:00:00+08:00",
        ]);
        args.extend(more);
        args
    };
    let named = ["--by", "Li Na", "--reason", "bench test under this name"];
    let said = run(&delete(&[named.as_slice(), &["--factor", "pm25"]].concat()));
    assert_eq!(said, "order 1: 2 readings taken out\n");
    let said = run(&delete(&named));
    assert_eq!(said, "order 2: 10 readings taken out\n");
    let check = |more: &[&'static str], expected: &str| {
        let (code, said) = fails(&delete(more));
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(expected), "{said}");
    };
    check(&named, "no reading");
    check(
        &["--by", "Li Na", "--reason", "outlier"],
        "--reason: a ground",
    );
    check(&["--by", " ", "--reason", "bench test"], "--by: a name");
    check(&["--by", "Li Na"], "--reason");
    let list = run(&["delete", "--data", text(&data), "--list"]);
    let orders: Vec<Value> = list
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(orders.len(), 2);
    assert_eq!(
        (&orders[0]["factor"], &orders[1]["factor"]),
        (&json!("pm25"), &Value::Null)
    );
    assert!(verify(&data).contains("deletions: 2 checked\n"));
}
