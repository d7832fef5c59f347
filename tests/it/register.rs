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
const GROUPS: &str = "id,name_zh,name_en,document,station,from,to\n\
    city,市,City,doc 1,a,2020-01-01,\ncity,市,City,doc 1,b,2020-01-01,2020-12-31\n";
const TARGETS: &str = "id,group,item,year,limit,issuer,document,edition\n\
    t1,city,pm25_mean,2026,30.5,bureau,\"plan, page 3\",2012\n";

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
    for (name, lines) in [
        ("stations", STATIONS),
        ("groups", GROUPS),
        ("targets", TARGETS),
    ] {
        let listed = run(&["register", "--data", text(&data), "--list", name]);
        assert_eq!(listed, lines, "{name}");
    }
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
