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
    assert!(said.contains("3 rows checked"), "{said}");
    assert!(run(&words(&data, "verify")).contains("audit log: 3 checked"));
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
