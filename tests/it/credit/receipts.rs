//! Receipts as a bank keeps them and an auditor checks them, without the daemon.

use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::credit::OTHER;
use crate::credit::UNIT;
use crate::credit::daemon;
use crate::credit::done;
use crate::credit::fine;
use crate::register::post_json;
use crate::support::Daemon;
use crate::support::output;
use crate::support::run;
use crate::support::text;

/// Something done to an answer after it was signed.
type Change = fn(&mut Value);

pub(super) fn key(site: &Daemon) -> String {
    let keys = site.json("/v1/receipts/keys");
    let last = keys["keys"].as_array().and_then(|keys| keys.last());
    let key = last.expect("a key")["public_key"].as_str();
    key.expect("a text").to_owned()
}

/// Exit code and what was said of a file's content.
pub(super) fn check(folder: &Path, content: &[u8], keys: &[&str]) -> (i32, String) {
    let path = folder.join("receipt");
    std::fs::write(&path, content).expect("written");
    let mut args = vec!["receipt", "verify", text(&path)];
    for key in keys {
        args.extend(["--key", key]);
    }
    let ended = output(&args);
    let said = [ended.stdout, ended.stderr].concat();
    (
        ended.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn a_receipt_is_checked_without_the_daemon_and_any_change_found() {
    let (folder, site) = daemon();
    done(&site, "records", fine("r1", "2020-05-06"));
    // The longest that fits, each character of which JSON writes as two.
    let reference = "%22".repeat(128);
    let path = format!("/v1/enterprises/{UNIT}/tier?on=2020-06-30&client_ref={reference}");
    let answer = site.json(&path);
    let receipt = answer["receipt"].as_str().expect("a receipt").to_owned();
    assert!(receipt.len() <= 2_048, "{} bytes", receipt.len());
    let key = key(&site);
    drop(site);
    let (code, said) = check(folder.path(), receipt.as_bytes(), &[&key]);
    assert_eq!(code, 0, "{said}");
    let payload: Value = serde_json::from_str(said.trim_end()).expect("the payload");
    let told = (&payload["subject"], &payload["score"], &payload["tier"]);
    assert_eq!(told, (&json!(UNIT), &json!(6), &json!("blue")));
    assert_eq!(
        payload["rulebook_sha256"],
        answer["computed"]["rulebook_sha256"]
    );
    assert_eq!(payload["row_hashes"][0][0], 1);
    assert_eq!(payload["ledger"][1], payload["row_hashes"][0][1]);
    // As scanners and editors write it into a file.
    for (before, behind) in [
        ("", "\n"),
        ("", "\r\n\r\n"),
        ("\u{feff}", " \n"),
        ("\n ", ""),
    ] {
        let file = format!("{before}{receipt}{behind}");
        let (code, said) = check(folder.path(), file.as_bytes(), &[&key]);
        assert_eq!(code, 0, "{file:?} {said}");
    }
    for at in (0..receipt.len()).step_by(receipt.len() / 12) {
        let mut bytes = receipt.clone().into_bytes();
        bytes[at] ^= 1;
        let (code, said) = check(folder.path(), &bytes, &[&key]);
        assert_eq!(code, 1, "byte {at}: {said}");
    }
    let (code, said) = check(folder.path(), answer.to_string().as_bytes(), &[&key]);
    assert_eq!(code, 0, "{said}");
    let changed = answer.to_string().replace("\"score\":6", "\"score\":9");
    let (code, said) = check(folder.path(), changed.as_bytes(), &[&key]);
    assert_eq!(
        (code, said.contains("a field of the answer was changed")),
        (1, true),
        "{said}"
    );
    let strange = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let (code, said) = check(folder.path(), receipt.as_bytes(), &[strange]);
    assert_eq!((code, said.contains("signed by key")), (1, true), "{said}");
    let (code, said) = check(folder.path(), receipt.as_bytes(), &["abc"]);
    assert_eq!(
        (code, said.contains("is no public key")),
        (2, true),
        "{said}"
    );
}

#[test]
fn a_batch_has_one_receipt_and_every_item_its_proof() {
    let (folder, site) = daemon();
    done(&site, "records", fine("r1", "2020-05-06"));
    let units = [UNIT, OTHER, UNIT, UNIT, OTHER];
    let items: Vec<Value> = units
        .iter()
        .enumerate()
        .map(|(at, unit)| json!({"subject": unit, "client_ref": at.to_string()}))
        .collect();
    let ask = |proofs: bool| {
        let body = json!({"on": "2020-06-30", "items": items, "proofs": proofs});
        post_json(&format!("{}/v1/tiers/lookup", site.http), &body).json()
    };
    let key = key(&site);
    let check = |answer: &Value| check(folder.path(), answer.to_string().as_bytes(), &[&key]);
    let plain = ask(false);
    assert!(
        plain["receipt"]
            .as_str()
            .is_some_and(|receipt| receipt.len() <= 2_048)
    );
    assert_eq!(check(&plain).0, 0);
    let proved = ask(true);
    assert_eq!(check(&proved).0, 0);
    forge(folder.path(), &proved, &key);
    for at in 0..units.len() {
        let mut alone = json!({"item": proved["items"][at], "receipt": proved["receipt"]});
        assert_eq!(check(&alone).0, 0, "{at}");
        alone["item"]["client_ref"] = "7".into();
        let (code, said) = check(&alone);
        assert_eq!(
            (code, said.contains("does not lead to the signed root")),
            (1, true),
            "{said}"
        );
    }
    let changes: [(Change, &str); 4] = [
        (
            |batch| batch["items"][0]["computed"]["tier"] = "green".into(),
            "changed or moved",
        ),
        (
            |batch| batch["items"].as_array_mut().expect("a list").swap(0, 1),
            "changed or moved",
        ),
        (
            |batch| batch["items"].as_array_mut().expect("a list").truncate(4),
            "added or taken away",
        ),
        (|batch| batch["on"] = "2020-12-31".into(), "on was changed"),
    ];
    for (change, hint) in changes {
        let mut batch = plain.clone();
        change(&mut batch);
        let (code, said) = check(&batch);
        assert_eq!((code, said.contains(hint)), (1, true), "{said}");
    }
}

/// A changed item beside a genuine one; another key of the same name before the signed one.
fn forge(folder: &Path, proved: &Value, key: &str) {
    let mut forged = proved.clone();
    forged["item"] = proved["items"][0].clone();
    forged["items"][1]["computed"]["tier"] = "green".into();
    let (code, said) = check(folder, forged.to_string().as_bytes(), &[key]);
    assert_eq!(code, 1, "{said}");
    let twice = proved
        .to_string()
        .replacen('{', "{\"on\":\"2090-06-30\",", 1);
    let (code, said) = check(folder, twice.as_bytes(), &[key]);
    let told = said.contains("\"on\" is given twice");
    assert_eq!((code, told), (1, true), "{said}");
}

#[test]
fn keys_are_renewed_and_older_receipts_stay_good() {
    let (folder, site) = daemon();
    done(&site, "records", fine("r1", "2020-05-06"));
    let data = site.data.clone();
    let path = format!("/v1/enterprises/{UNIT}/tier");
    let receipt = |site: &Daemon| {
        site.json(&path)["receipt"]
            .as_str()
            .expect("a receipt")
            .to_owned()
    };
    let (old_key, old) = (key(&site), receipt(&site));
    drop(site);
    let listed = run(&["receipt", "key", "--data", text(&data)]);
    assert!(
        listed.contains(&old_key) && listed.lines().count() == 1,
        "{listed}"
    );
    let listed = run(&["receipt", "key", "--data", text(&data), "--new"]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let site = Daemon::start(&data, &[]);
    let (new_key, new) = (key(&site), receipt(&site));
    assert_ne!(new_key, old_key);
    for (receipt, keys, code) in [
        (&old, vec![&old_key], 0),
        (&old, vec![&new_key], 1),
        (&new, vec![&new_key], 0),
        (&new, vec![&old_key], 1),
        (&old, vec![&new_key, &old_key], 0),
    ] {
        let keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
        let (found, said) = check(folder.path(), receipt.as_bytes(), &keys);
        assert_eq!(found, code, "{said}");
    }
    let mode = std::fs::read_dir(data.join("receipt-keys"))
        .expect("the keys")
        .all(|file| {
            let meta = file.and_then(|file| file.metadata()).expect("a file");
            std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 == 0
        });
    assert!(mode, "the secrets are nobody else's to read");
}
