//! The audit log: searched, bounded under a flood, printed without formulas, and found out when it was changed.

use crate::access::ask;
use crate::access::token;
use crate::access::words;
use crate::support::Daemon;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;

#[test]
fn the_log_is_searched_paged_and_bounded() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let auditor = token(&data, "auditor", "auditor");
    token(&data, "=SUM(A1)", "bank");
    let daemon = Daemon::start(&data, &[]);
    for at in 0..200 {
        let wrong = format!("sky_{at:012}_x");
        let got = ask(&daemon.http, "GET", "/v1/stations", Some(&wrong), "");
        assert_eq!(got.status, 401);
    }
    let page = |query: &str| {
        let got = ask(
            &daemon.http,
            "GET",
            &format!("/v1/audit{query}"),
            Some(&auditor),
            "",
        );
        assert_eq!(got.status, 200, "{query}: {}", got.text);
        got.json()
    };
    let first = page("?limit=1");
    assert_eq!(
        (&first["acts"][0]["seq"], &first["next"]),
        (&1.into(), &1.into())
    );
    assert_eq!(first["acts"][0]["what"], "token.add");
    let rest = page("?after=1&what=token.add");
    assert_eq!(
        (&rest["acts"][0]["about"], &rest["next"]),
        (&"=SUM(A1)".into(), &serde_json::Value::Null)
    );
    assert_eq!(page("?who=nobody")["acts"], serde_json::json!([]));
    assert_eq!(page("?to=2020-01-01")["acts"], serde_json::json!([]));
    daemon.stop("TERM");
    let refused = run(&words(&data, "audit --what token.refused --format json"));
    let counts = refused.lines().map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(row["address"].is_string() && row["who"].is_null(), "{row}");
        row["count"].as_u64().expect("a count")
    });
    assert_eq!(counts.sum::<u64>(), 200);
    assert!(refused.lines().count() <= 3, "{refused}");
    let csv = run(&words(&data, "audit --what token.add --format csv"));
    assert!(
        csv.contains(",'=SUM(A1),") && !csv.contains(",=SUM"),
        "{csv}"
    );
    let table = run(&words(&data, "audit --to 2020-01-01"));
    assert_eq!(table.lines().count(), 1, "{table}");
}

#[test]
fn a_changed_row_is_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    for name in ["a", "b", "c"] {
        token(&data, name, "bank");
    }
    run(&["seed", "jiangyin", "--data", text(&data)]);
    let said = run(&words(&data, "audit verify"));
    assert!(said.contains("4 rows checked"), "{said}");
    assert!(run(&words(&data, "verify")).contains("audit log: 4 checked"));
    let file = rusqlite::Connection::open(data.join("access.db")).expect("a database");
    let change = "UPDATE audit SET line = replace(line, 'bank', 'bureau') WHERE seq = 2";
    assert!(
        file.execute(change, []).is_err(),
        "the database itself refuses"
    );
    assert!(file.execute("DELETE FROM audit WHERE seq = 3", []).is_err());
    file.execute_batch("DROP TRIGGER audit_keep")
        .expect("dropped");
    file.execute(change, []).expect("changed");
    drop(file);
    for line in ["audit verify", "verify"] {
        let (code, complaint) = fails(&words(&data, line));
        assert_eq!(code, 1, "{line}: {complaint}");
        assert!(
            complaint.contains("table audit, row 2"),
            "{line}: {complaint}"
        );
    }
}

#[test]
fn what_commands_change_is_in_the_log() {
    let (folder, data) = seeded(&["jiangyin"]);
    let whoever = |log: &str| -> Vec<(String, String, String)> {
        let acts = log.lines().map(|line| {
            let act: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let text = |name: &str| act[name].as_str().unwrap_or_default().to_owned();
            (text("who"), text("what"), text("about"))
        });
        acts.collect()
    };
    let table = folder.path().join("stations.csv");
    let header = run(&words(&data, "register --list stations"));
    let header = header.lines().next().expect("a header");
    std::fs::write(&table, format!("{header}\n")).expect("room on the disk");
    // Without a log nothing is noted, and no log begins.
    run(&["compact", "--data", text(&data)]);
    assert!(!data.join("access.db").exists());
    token(&data, "auditor", "auditor");
    run(&["seed", "jiangyin", "--data", text(&data)]);
    run(&["register", "--data", text(&data), text(&table)]);
    let readings = folder.path().join("readings.csv");
    let row = "sim-1999A,2020-07-27T05:00:00+08:00,3600,7.5,60,,4,0.7,";
    let columns = "station,time,interval_s,pm25,pm10,so2,no2,co,o3";
    std::fs::write(&readings, format!("{columns}\n{row}\n")).expect("room on the disk");
    let import = format!("import --layout canonical --input {}", text(&readings));
    run(&words(&data, &import));
    let times = "--from 2020-07-27T04:00:00+08:00 --to 2020-07-27T06:00:00+08:00";
    let order = format!("delete --source sim-1999A --factor pm25 --by Wang --reason gas {times}");
    run(&words(&data, &order));
    // These change nothing, and this one fails.
    run(&words(&data, "delete --list"));
    run(&words(&data, "register --list stations"));
    run(&words(&data, "stats"));
    fails(&words(&data, "import --input none.csv --layout canonical"));
    let log = run(&words(&data, "audit --what skytier --format json"));
    let acts = whoever(&log);
    let (user, acts): (Vec<String>, Vec<(String, String)>) = acts
        .into_iter()
        .map(|(who, what, about)| (who, (what, about)))
        .unzip();
    let about = "sim-1999A pm25 2020-07-27T04:00:00+08:00 2020-07-27T06:00:00+08:00";
    let expected = [
        ("skytier seed", "jiangyin"),
        ("skytier register", text(&table)),
        ("skytier import", text(&readings)),
        ("skytier delete", about),
    ];
    assert_eq!(
        acts,
        expected.map(|(what, about)| (what.to_owned(), about.to_owned()))
    );
    assert!(user[0].starts_with("cli:") && user[0].len() > 4, "{user:?}");
    assert_eq!(user[3], "Wang");
    assert!(run(&words(&data, "audit verify")).contains("5 rows checked"));
}
