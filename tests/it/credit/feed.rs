//! The feed of changes as a bank follows it: a year of them is streamed while entries arrive, each once and in order.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::credit::OTHER;
use crate::credit::UNIT;
use crate::credit::act;
use crate::credit::fine;
use crate::support::Daemon;
use crate::support::run;
use crate::support::text;

/// Entries of each day of the year before.
const A_DAY: usize = 3;
/// Entries that arrive while it is read.
const ARRIVING: usize = 60;

/// A year of entries as a file.
fn year() -> (String, usize) {
    let first = chrono::NaiveDate::from_ymd_opt(2020, 1, 1).expect("a day");
    let days = first.iter_days().take(366);
    let entries = days.flat_map(|day| {
        (0..A_DAY).map(move |at| {
            let unit = if at % 2 == 0 { UNIT } else { OTHER };
            json!({"op": "record", "id": format!("{day}-{at}"), "subject": unit, "code": "D01",
                "doc_date": day.to_string(), "captured_at": format!("{day}T09:00:0{at}+08:00")})
        })
    });
    let lines: Vec<String> = entries.map(|entry| entry.to_string()).collect();
    (lines.join("\n"), lines.len())
}

#[test]
fn a_year_of_changes_is_streamed_without_gaps_while_entries_arrive() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let (lines, count) = year();
    let path = folder.path().join("year.jsonl");
    std::fs::write(&path, lines).expect("written");
    run(&["credit", "load", "--data", text(&data), text(&path)]);
    let site = Daemon::start(&data, &[]);
    let whole = count + ARRIVING;
    let mut seen: Vec<Value> = Vec::new();
    std::thread::scope(|scope| {
        let arriving = scope.spawn(|| {
            for at in 0..ARRIVING {
                let unit = if at % 2 == 0 { UNIT } else { OTHER };
                let (status, said) = act(
                    &site,
                    unit,
                    "records",
                    fine(&format!("n{at}"), "2021-05-06"),
                );
                assert_eq!(status, 200, "{said}");
            }
        });
        let mut after = 0;
        while seen.len() < whole {
            let page = site.json(&format!("/v1/changes?after={after}&limit=7"));
            let changes = page["changes"].as_array().expect("a list");
            assert_eq!(page["more"], page["next"] != page["head"], "{page}");
            if changes.is_empty() && arriving.is_finished() {
                break;
            }
            seen.extend_from_slice(changes);
            after = page["next"].as_u64().expect("a cursor");
        }
        arriving.join().expect("every entry arrived");
    });
    let cursors: Vec<u64> = seen
        .iter()
        .filter_map(|row| row["cursor"].as_u64())
        .collect();
    assert_eq!(cursors, (1..=whole as u64).collect::<Vec<_>>());
    let hashes: BTreeSet<&str> = seen.iter().filter_map(|row| row["hash"].as_str()).collect();
    assert_eq!(hashes.len(), whole, "each once");
    // What was read while entries arrived is what is read again when all is quiet.
    let again = site.json("/v1/changes?after=0&limit=1000");
    let again = again["changes"].as_array().expect("a list");
    assert!(again.iter().zip(&seen).all(|(later, first)| later == first));
}
