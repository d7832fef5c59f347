//! Receipts by the national algorithms, SM2 with SM3: chosen by a setting or by the command, and checked by Debian's
//! openssl, which knows nothing of us.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::credit::UNIT;
use crate::credit::done;
use crate::credit::fine;
use crate::credit::receipts::check;
use crate::credit::receipts::key;
use crate::support::Daemon;
use crate::support::fails;
use crate::support::papers::OPENSSL;
use crate::support::require;
use crate::support::run;
use crate::support::text;

/// What stands before the point in a public key of SM2 as X.509 writes it.
const KEY_HEAD: &str = "3059301306072a8648ce3d020106082a811ccf5501822d034200";

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2);
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
    pairs.map(byte).collect()
}

/// A whole number that is not negative, in DER.
fn integer(number: &[u8]) -> Vec<u8> {
    let first = number.iter().position(|byte| *byte != 0);
    let number = &number[first.expect("not 0")..];
    let sign = (number[0] > 127).then_some(0);
    let length = number.len() + usize::from(sign.is_some());
    let head = [2, u8::try_from(length).expect("short")];
    head.into_iter()
        .chain(sign)
        .chain(number.to_vec())
        .collect()
}

/// Whether openssl takes the receipt as signed by the key.
fn openssl(folder: &Path, receipt: &str, key: &str) -> bool {
    require(OPENSSL);
    let (signed, signature) = receipt.rsplit_once('.').expect("parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let numbers = [integer(&signature[..32]), integer(&signature[32..])].concat();
    let length = u8::try_from(numbers.len()).expect("short");
    let files = [
        ("key.der", bytes(&format!("{KEY_HEAD}{key}"))),
        ("signed", signed.as_bytes().to_vec()),
        ("signature", [&[0x30, length][..], &numbers].concat()),
    ];
    let paths = files.map(|(name, content)| {
        let path = folder.join(name);
        std::fs::write(&path, content).expect("written");
        path
    });
    let [key, signed, signature] = &paths;
    let ended = Command::new(OPENSSL)
        .args(["pkeyutl", "-verify", "-pubin", "-keyform", "DER"])
        .args(["-inkey", text(key), "-rawin", "-digest", "sm3"])
        .args(["-pkeyopt", "distid:1234567812345678"])
        .args(["-in", text(signed), "-sigfile", text(signature)])
        .output()
        .expect("openssl runs");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(
        said.contains("Signature Verified Successfully") == ended.status.success(),
        "{ended:?}"
    );
    ended.status.success()
}

fn receipt(site: &Daemon) -> String {
    // The longest that fits, each character of which JSON writes as two.
    let reference = "%22".repeat(128);
    let path = format!("/v1/enterprises/{UNIT}/tier?on=2020-06-30&client_ref={reference}");
    let answer = site.json(&path);
    answer["receipt"].as_str().expect("a receipt").to_owned()
}

#[test]
fn openssl_takes_what_an_sm2_key_signs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let site = Daemon::start(&data, &[]);
    done(&site, "records", fine("r1", "2020-05-06"));
    let (old_key, old) = (key(&site), receipt(&site));
    drop(site);
    let site = Daemon::start(&data, &[("SKYTIER__RECEIPTS__ALGORITHM", "sm2")]);
    let (new_key, new) = (key(&site), receipt(&site));
    let listed = site.json("/v1/receipts/keys");
    let algorithms: Vec<&Value> = listed["keys"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|key| &key["algorithm"])
        .collect();
    assert_eq!(algorithms, ["ed25519", "sm2"]);
    assert!(new.starts_with("skr1-sm2.") && new.len() <= 2_048, "{new}");
    drop(site);
    assert!(openssl(folder.path(), &new, &new_key));
    let forged = new.replacen("skr1-sm2", "skr1-sm3", 1);
    assert!(!openssl(folder.path(), &forged, &new_key), "other bytes");
    for (receipt, keys, code) in [
        (&new, vec![&new_key], 0),
        (&new, vec![&old_key], 1),
        (&old, vec![&new_key], 1),
        (&old, vec![&new_key, &old_key], 0),
    ] {
        let keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
        let (found, said) = check(folder.path(), receipt.as_bytes(), &keys);
        assert_eq!(found, code, "{said}");
    }
    // The same setting makes no further key; without it the newest signs on, and the command renews it as it is.
    let site = Daemon::start(&data, &[("SKYTIER__RECEIPTS__ALGORITHM", "sm2")]);
    assert_eq!(key(&site), new_key);
    drop(site);
    let site = Daemon::start(&data, &[]);
    assert_eq!(key(&site), new_key);
    assert!(receipt(&site).starts_with("skr1-sm2."));
    drop(site);
    let listed = run(&["receipt", "key", "--data", text(&data), "--new"]);
    let last: Value = serde_json::from_str(listed.lines().last().expect("a line")).expect("JSON");
    assert_eq!(
        (&last["algorithm"], &last["signs"]),
        (&"sm2".into(), &true.into())
    );
    let verified = run(&["verify", "--data", text(&data)]);
    assert!(verified.contains("receipt keys: 3 checked"), "{verified}");
}

#[test]
fn an_algorithm_that_is_none_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = text(folder.path());
    let key = ["receipt", "key", "--data", data];
    let (code, said) = fails(&[&key[..], &["--algorithm", "rsa"]].concat());
    assert!(code == 2 && said.contains("write ed25519 or sm2"), "{said}");
    run(&[&key[..], &["--algorithm", "sm2"]].concat());
    let (code, said) = fails(&[&key[..], &["--algorithm", "ed25519"]].concat());
    assert!(code == 2 && said.contains("add --new"), "{said}");
    let listed = run(&[&key[..], &["--algorithm", "ed25519", "--new"]].concat());
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let config = folder.path().join("skytier.toml");
    std::fs::write(&config, "[receipts]\nalgorithm = \"rsa\"\n").expect("written");
    let (code, said) = fails(&["serve", "--config", text(&config), "--data", data]);
    let told = said.contains("receipts.algorithm") && said.contains("write ed25519 or sm2");
    assert!(code == 2 && told, "{said}");
}
