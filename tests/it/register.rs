//! Tables of a user's own place, entered from the command line and over HTTP.

use std::path::Path;

use serde_json::Value;

use crate::support::Daemon;
use crate::support::Reply;
use crate::support::fails;
use crate::support::run;
use crate::support::text;

const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
    a,甲,A,national,120.5,31.25,false,feed\nb,乙,B,town,120,31,false,feed\n";
const TARGETS: &str = "id,group,item,year,limit,issuer,document,edition\n\
    t1,city,pm25_mean,2026,30.5,bureau,\"plan, page 3\",2012\n";
const GROUPS: &str = "id,name_zh,name_en,document,station,from,to,member_document\n\
    city,市,City,doc 1,a,2020-01-01,,\ncity,市,City,doc 1,b,2020-01-01,2020-12-31,\"doc 1, annex\"\n";
/// A group that stands for a county.
const COUNTY: &str = "id,name_zh,name_en,document,station,from,to,member_document,division_code\n\
    city,市,City,doc 1,a,2020-01-01,,,999903\ncity,市,City,doc 1,b,2020-01-01,2020-12-31,,999903\n";
const EXCLUSIONS: &str = "id,place,from,to,pollutants,statistics,reason,document,decided_on,revoked_on\n\
    d1,group:city,2023-04-10,2023-04-12,pm25|pm10,mean|percentile|composite|ranking,dust,doc 2,2023-05-04,\n\
    e1,station:a,2023-07-01,2023-07-01,o3,good_days,exceptional,doc 3,2023-08-01,2023-09-01\n";

fn write(folder: &Path, name: &str, lines: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, lines).expect("room on the disk");
    text(&path).to_owned()
}

/// Posts JSON.
pub(crate) fn post_json(url: &str, body: &Value) -> Reply {
    crate::support::post_as(url, "application/json", body.to_string().as_bytes())
}

#[test]
fn tables_are_entered_together_once_and_printed_as_they_came() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let files = [
        write(folder.path(), "targets.csv", TARGETS),
        write(folder.path(), "groups.csv", &format!("\u{feff}{GROUPS}")),
        format!("stations={}", write(folder.path(), "points.txt", STATIONS)),
    ];
    let mut args = vec!["register", "--data", text(&data)];
    args.extend(files.iter().map(String::as_str));
    let said = run(&args);
    assert_eq!(
        said,
        "targets: 1 rows, 1 new or changed\ngroups: 2 rows, 2 new or changed\nstations: 2 rows, 2 new or changed\n"
    );
    assert_eq!(
        said.replace(" 1 new", " 0 new").replace(" 2 new", " 0 new"),
        run(&args)
    );
    let short = "id,place,from,to,pollutants,statistics,reason,document,decided_on\n\
        d1,group:city,2023-04-10,2023-04-12,,,dust,doc 2,2023-05-04\n";
    for lines in [short, EXCLUSIONS] {
        let file = write(folder.path(), "exclusions.csv", lines);
        let rows = lines.lines().count() - 1;
        let said = run(&["register", "--data", text(&data), &file]);
        assert_eq!(said, format!("exclusions: {rows} rows, 1 new or changed\n"));
    }
    for (name, lines) in [
        ("stations", STATIONS),
        ("groups", GROUPS),
        ("exclusions", EXCLUSIONS),
        ("targets", TARGETS),
    ] {
        let listed = run(&["register", "--data", text(&data), "--list", name]);
        assert_eq!(listed, lines, "{name}");
    }
    let file = write(folder.path(), "groups.csv", COUNTY);
    run(&["register", "--data", text(&data), &file]);
    let listed = run(&["register", "--data", text(&data), "--list", "groups"]);
    assert_eq!(listed, COUNTY);
    // A later table may lean on what is registered; its group is replaced with its members.
    let one = "id,name_zh,name_en,document,station,from,to\ncity,市,City,doc 2,a,2020-01-01,\n";
    let file = write(folder.path(), "groups.csv", one);
    assert_eq!(
        run(&["register", "--data", text(&data), &file]),
        "groups: 1 rows, 1 new or changed\n"
    );
    assert_eq!(
        run(&["register", "--data", text(&data), "--list", "groups"]),
        one
    );
}

#[test]
fn with_any_fault_nothing_is_entered() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let stations = write(folder.path(), "stations.csv", STATIONS);
    let groups = write(folder.path(), "groups.csv", &GROUPS.replace(",b,", ",c,"));
    let targets = write(
        folder.path(),
        "targets.csv",
        &TARGETS.replace("30.5", "low"),
    );
    let (code, said) = fails(&[
        "register",
        "--data",
        text(&data),
        &stations,
        &groups,
        &targets,
    ]);
    assert_eq!(code, 2, "{said}");
    let unlike = COUNTY.replacen("999903", "3202", 1);
    let unlike = write(folder.path(), "county.csv", &unlike);
    let (code, complaint) = fails(&[
        "register",
        "--data",
        text(&data),
        &format!("groups={unlike}"),
    ]);
    let part = "county.csv:2: division_code: \"3202\" is not six to twelve digits, or empty";
    assert!(code == 2 && complaint.contains(part), "{complaint}");
    let expected = format!(
        "skytier: {groups}:3: station: is not in the stations' table\n\
         {targets}:2: limit: \"low\" is not a number of at least 0\n"
    );
    assert_eq!(said, expected);
    let listed = run(&["register", "--data", text(&data), "--list", "stations"]);
    assert_eq!(listed.lines().count(), 1, "only the header: {listed}");
    let none = folder.path().join("none");
    for (args, part) in [
        (
            vec![stations.as_str(), stations.as_str()],
            "table stations is given twice",
        ),
        (
            vec!["cities=x.csv"],
            "\"cities\" is no table; there are stations, groups",
        ),
        (vec!["stations=nowhere.csv"], "nowhere.csv"),
        (vec!["--list", "cities"], "--list \"cities\" is no table"),
    ] {
        let mut all = vec!["register", "--data", text(&none)];
        all.extend(args);
        let (code, said) = fails(&all);
        assert!(code == 2 && said.contains(part), "{code} {said}");
        assert!(!none.exists(), "nothing is made for a faulty call");
    }
}

fn check_exclusion(row: &str, expected: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let stations = write(folder.path(), "stations.csv", STATIONS);
    let (header, _) = EXCLUSIONS.split_once('\n').expect("a header");
    let file = write(
        folder.path(),
        "exclusions.csv",
        &format!("{header}\n{row}\n"),
    );
    let (code, said) = fails(&["register", "--data", text(&data), &stations, &file]);
    let said = said.trim_start_matches("skytier: ").replace(&file, "x");
    assert_eq!(
        (code, said.lines().collect::<Vec<_>>().as_slice()),
        (2, expected)
    );
}

#[test]
fn an_exclusion_names_place_days_reason_and_document() {
    let days = "2023-04-10,2023-04-12";
    check_exclusion(
        &format!("d,city,{days},pm1,median,dust,doc,2023-05-04,"),
        &[
            "x:2: place: \"city\" is not group:ID, station:ID or all",
            "x:2: pollutants: \"pm1\" is not some of pm25|pm10|so2|no2|co|o3, joined by |, or empty",
            "x:2: statistics: \"median\" is not some of mean|percentile|composite|ranking|good_days, joined by |, or empty",
        ],
    );
    check_exclusion(
        &format!("d,all,{days},,,exceptional,,never,"),
        &[
            "x:2: pollutants: \"\" is not some of pm25|pm10|so2|no2|co|o3, joined by |",
            "x:2: statistics: \"\" is not some of mean|percentile|composite|ranking|good_days, joined by |",
            "x:2: document: \"\" is not a text without blanks around it",
            "x:2: decided_on: \"never\" is not a date such as 2020-01-31",
        ],
    );
    check_exclusion(
        "d,all,2023-04-12,2023-04-10,,,fog,doc,2023-05-04,",
        &[
            "x:2: to: \"2023-04-10\" is not on or after from, within a century",
            "x:2: reason: \"fog\" is not dust or exceptional",
        ],
    );
    check_exclusion(
        &format!("d,group:city,{days},,,dust,doc,2023-05-04,2023-05-03"),
        &[
            "x:2: place: group:city is not registered",
            "x:2: revoked_on: lies before decided_on",
        ],
    );
}

#[test]
fn a_running_daemon_takes_tables_over_http_only() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let daemon = Daemon::start(&data, &[]);
    let file = write(folder.path(), "stations.csv", STATIONS);
    let (code, said) = fails(&["register", "--data", text(&data), &file]);
    assert!(
        code == 3 && said.contains("another skytier process"),
        "{code} {said}"
    );
    let url = |table: &str| format!("{}/v1/registry/{table}", daemon.http);
    let body = |lines: &str| serde_json::json!({ "csv": lines });
    let reply = post_json(&url("groups"), &body(GROUPS));
    let fault = reply.json();
    assert_eq!(
        (reply.status, fault["type"].as_str()),
        (400, Some("urn:skytier:problem:bad-parameter"))
    );
    assert_eq!(
        fault["detail"],
        "csv: csv:2: station: is not in the stations' table; csv:3: station: is not in the stations' table"
    );
    for (table, lines, rows) in [("stations", STATIONS, 2), ("groups", GROUPS, 2)] {
        let reply = post_json(&url(table), &body(lines));
        assert_eq!(reply.status, 200, "{}", reply.text);
        let expected = serde_json::json!({"table": table, "rows": rows, "new_or_changed": rows});
        assert_eq!(reply.json(), expected);
        assert_eq!(daemon.fetch(&format!("/v1/registry/{table}")).text, lines);
    }
    assert_eq!(daemon.json("/v1/stations")["stations"][0]["id"], "a");
    let text = body(STATIONS).to_string();
    for (kind, status) in [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ] {
        let reply = crate::support::post_as(&url("stations"), kind, text.as_bytes());
        assert_eq!(reply.status, status, "{}", reply.text);
    }
    let wrong = serde_json::json!({ "rows": [] });
    assert_eq!(post_json(&url("stations"), &wrong).status, 400);
    assert_eq!(post_json(&url("cities"), &body("")).status, 404);
    daemon.stop("INT");
    let listed = run(&[
        "register",
        "--data",
        crate::support::text(&data),
        "--list",
        "stations",
    ]);
    assert_eq!(listed, STATIONS, "what was entered is durable");
}
