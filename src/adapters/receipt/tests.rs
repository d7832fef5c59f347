//! Receipts: every byte counts, keys are renewed, and each answer of a batch is proved alone.

use crate::adapters::receipt::Keys;
use crate::adapters::receipt::RECEIPT_BYTES_MAX;
use crate::adapters::receipt::ReceiptFault;
use crate::adapters::receipt::digest;
use crate::adapters::receipt::id;
use crate::adapters::receipt::key::Algorithm;
use crate::adapters::receipt::key::PublicKey;
use crate::adapters::receipt::key::Secret;
use crate::adapters::receipt::merkle::Tree;
use crate::adapters::receipt::merkle::climb;
use crate::adapters::receipt::verify;
use crate::adapters::receipt::verify_answer;
use chrono::DateTime;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use serde_json::json;

fn secret(algorithm: Algorithm, seed: u8) -> Secret {
    Secret {
        algorithm,
        bytes: [seed; 32],
        created: format!("2026-01-{seed:02}T00:00:00Z"),
    }
}

fn keys(seeds: &[u8]) -> Keys {
    let secrets: Vec<_> = seeds
        .iter()
        .map(|seed| secret(Algorithm::Ed25519, *seed))
        .collect();
    Keys::new(&secrets).expect("a key")
}

fn public(keys: &Keys) -> Vec<PublicKey> {
    keys.public().into_iter().map(|(key, _)| key).collect()
}

#[test]
fn the_signature_is_that_of_rfc_8032() {
    // RFC 8032, 7.1, test 1.
    let secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let secret = crate::adapters::receipt::unhex(secret).expect("digits");
    let keys = Keys::new(&[Secret {
        algorithm: Algorithm::Ed25519,
        bytes: secret,
        created: String::new(),
    }]);
    let keys = keys.expect("a key");
    let text = keys.public()[0].0.text();
    assert_eq!(
        text,
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
    assert_eq!(PublicKey::parse(&text).map(|key| key.text()), Ok(text));
}

#[test]
fn an_identifier_says_when_it_was_asked_for_and_then_what_was_answered() {
    let at = |text: &str| DateTime::parse_from_rfc3339(text).expect("a time");
    // SHA-256 of "abc" begins with ba7816bf; the digits before it are the microseconds.
    for (asked_at, expected) in [
        (
            "2026-07-15T12:00:00.000001+08:00",
            "06569e5b7cf001ba7816bf8f01cfea41",
        ),
        (
            "2026-07-15T12:00:00.000002+08:00",
            "06569e5b7cf002ba7816bf8f01cfea41",
        ),
        ("2026-07-15T04:00:00Z", "06569e5b7cf000ba7816bf8f01cfea41"),
        ("1969-12-31T23:59:59Z", "00000000000000ba7816bf8f01cfea41"),
    ] {
        assert_eq!(id("abc", at(asked_at)), expected, "{asked_at}");
    }
}

#[test]
fn any_changed_byte_is_found() {
    for algorithm in Algorithm::ALL {
        let keys = Keys::new(&[secret(algorithm, 1)]).expect("a key");
        let receipt =
            keys.sign(&json!({"subject": "91999999MA1ABCDE8G", "tier": "blue", "score": 9}));
        assert_eq!(verify(&receipt, &public(&keys)).expect("whole")["score"], 9);
        for at in 0..receipt.len() {
            for change in [1u8, 2, 4, 32] {
                let mut bytes = receipt.clone().into_bytes();
                bytes[at] ^= change;
                let Ok(changed) = String::from_utf8(bytes) else {
                    continue;
                };
                assert!(
                    verify(&changed, &public(&keys)).is_err(),
                    "byte {at} ^ {change}"
                );
            }
            assert!(
                verify(&receipt[..at], &public(&keys)).is_err(),
                "cut at {at}"
            );
        }
        assert!(verify(&format!("{receipt} "), &public(&keys)).is_err());
    }
}

#[test]
fn an_sm2_key_is_read_as_others_write_it() {
    // GB/T 32918.5-2017, A.1: the key pair of the example on the recommended curve.
    let digits = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
    let mut example = secret(Algorithm::Sm2, 1);
    example.bytes = crate::adapters::receipt::unhex(digits).expect("digits");
    let keys = Keys::new(&[example]).expect("a key");
    let key = &keys.public()[0].0;
    let text = concat!(
        "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020",
        "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
    );
    assert_eq!(key.text(), text);
    assert_eq!(PublicKey::parse(text).expect("a key").id(), key.id());
    for none in [
        &text[2..],
        &text[..128],
        &text.replacen("04", "06", 1),
        &text.replacen("0409", "040a", 1),
        &text.to_uppercase(),
        &"0".repeat(130),
    ] {
        assert!(PublicKey::parse(none).is_err(), "{none}");
    }
    for none in [0u8, 255] {
        let mut secret = secret(Algorithm::Sm2, 1);
        secret.bytes = [none; 32];
        assert!(
            Keys::new(&[secret]).is_none(),
            "{none} is outside the curve"
        );
    }
}

#[test]
fn the_key_decides_how_a_signature_is_checked() {
    let both = [secret(Algorithm::Ed25519, 1), secret(Algorithm::Sm2, 1)];
    let [one, other] = &both;
    let ed25519 = Keys::new(std::slice::from_ref(one)).expect("a key");
    let sm2 = Keys::new(std::slice::from_ref(other)).expect("a key");
    let all = public(&Keys::new(&both).expect("keys"));
    let payload = json!({"tier": "blue"});
    for (signs, not) in [(&ed25519, &sm2), (&sm2, &ed25519)] {
        let receipt = signs.sign(&payload);
        assert_eq!(verify(&receipt, &all), Ok(payload.clone()));
        assert_eq!(receipt, signs.sign(&payload), "nothing random in it");
        let stranger = verify(&receipt, &public(not));
        assert!(matches!(stranger, Err(ReceiptFault::OtherKey { .. })));
        // The other's head, the other's key, and both.
        let (head, id) = (signs.algorithm().head(), public(signs)[0].id());
        let (other_head, other_id) = (not.algorithm().head(), public(not)[0].id());
        let begin = format!("{head}.{id}.");
        for (forged, said) in [
            (format!("{other_head}.{id}."), "another algorithm"),
            (format!("{head}.{other_id}."), "another algorithm"),
            (format!("{other_head}.{other_id}."), "does not fit"),
        ] {
            let fault = verify(&receipt.replacen(&begin, &forged, 1), &all);
            let fault = fault.expect_err(&forged).to_string();
            assert!(fault.contains(said), "{forged}: {fault}");
        }
    }
    let longest = RECEIPT_BYTES_MAX - 200;
    let receipt = sm2.sign(&json!({"x": "x".repeat(longest * 3 / 4)}));
    assert!(receipt.len() <= RECEIPT_BYTES_MAX && verify(&receipt, &all).is_ok());
}

#[test]
fn old_receipts_outlive_their_key() {
    let (old, renewed, strange) = (keys(&[1]), keys(&[1, 2]), keys(&[3]));
    let before = old.sign(&json!({"score": 9}));
    let after = renewed.sign(&json!({"score": 9}));
    assert!(verify(&before, &public(&renewed)).is_ok());
    assert!(verify(&after, &public(&renewed)).is_ok());
    assert!(matches!(
        verify(&after, &public(&old)),
        Err(ReceiptFault::OtherKey { .. })
    ));
    assert!(matches!(
        verify(&before, &public(&strange)),
        Err(ReceiptFault::OtherKey { .. })
    ));
    assert!(matches!(PublicKey::parse("abc"), Err(ReceiptFault::Key(_))));
}

#[test]
fn an_answer_with_another_receipt_is_found() {
    let keys = keys(&[1]);
    let mut answer = json!({"subject": "u", "computed": {"tier": "blue", "score": 9}});
    answer["receipt"] = keys
        .sign(&json!({"answer_sha256": digest(&answer.to_string())}))
        .into();
    assert!(verify_answer(&answer.to_string(), &public(&keys)).is_ok());
    answer["computed"]["tier"] = "green".into();
    let fault = verify_answer(&answer.to_string(), &public(&keys)).expect_err("changed");
    assert!(
        fault
            .to_string()
            .contains("a field of the answer was changed"),
        "{fault}"
    );
    assert!(verify_answer(r#"{"subject": "u"}"#, &public(&keys)).is_err());
    assert!(verify_answer("7", &public(&keys)).is_err());
}

#[test]
fn each_item_of_a_batch_is_proved_from_the_root() {
    let keys = keys(&[1]);
    for count in [1usize, 2, 3, 4, 5, 7, 8, 9, 100] {
        let items: Vec<Value> = (0..count).map(|at| json!({"subject": at})).collect();
        let tree = Tree::new(&items);
        let receipt = keys.sign(&json!({"root": tree.root(), "items": count}));
        for (at, item) in items.iter().enumerate() {
            let proof = tree.proof(at);
            let steps: Vec<&str> = proof.iter().map(String::as_str).collect();
            assert_eq!(climb(item, &steps), Some(tree.root()), "{at} of {count}");
            let mut proved = item.clone();
            proved["proof"] = json!(proof);
            let alone = json!({"item": proved, "receipt": receipt});
            assert!(verify_answer(&alone.to_string(), &public(&keys)).is_ok());
            let mut changed = alone;
            changed["item"]["subject"] = json!(count + 1);
            assert!(verify_answer(&changed.to_string(), &public(&keys)).is_err());
        }
        let mut batch = json!({"items": items, "receipt": receipt});
        assert!(verify_answer(&batch.to_string(), &public(&keys)).is_ok());
        if count > 1 {
            let list = batch["items"].as_array_mut().expect("a list");
            list.swap(0, count - 1);
            assert!(
                verify_answer(&batch.to_string(), &public(&keys)).is_err(),
                "moved"
            );
        }
        batch["items"].as_array_mut().expect("a list").pop();
        assert!(
            verify_answer(&batch.to_string(), &public(&keys)).is_err(),
            "shortened"
        );
    }
    assert_eq!(climb(&json!(1), &["X00"]), None);
    assert_eq!(climb(&json!(1), &["é"]), None);
}

/// The three shapes of an answer with its receipt: one unit's, a whole batch with proofs, one item of it.
fn answers(keys: &Keys) -> [Value; 3] {
    let mut single = json!({"subject": "u", "official": {"tier": "red", "site": null}, "rows": [[1, "a"], []],
        "agree": false, "score": -3});
    single["receipt"] = keys
        .sign(&json!({"answer_sha256": digest(&single.to_string())}))
        .into();
    let mut items: Vec<Value> = (0..3)
        .map(|at| json!({"subject": at, "computed": {"tier": "blue"}}))
        .collect();
    let tree = Tree::new(&items);
    for (at, item) in items.iter_mut().enumerate() {
        item["proof"] = tree.proof(at).into();
    }
    let head = json!({"on": "2020-06-30", "known_at": "2020-07-01T00:00:00+08:00", "rulebook": "JS2020",
        "rulebook_sha256": "00"});
    let mut payload = head.clone();
    payload["items"] = 3.into();
    payload["root"] = tree.root().into();
    let receipt = keys.sign(&payload);
    let item = json!({"item": items[1], "receipt": receipt});
    let mut batch = head;
    batch["items"] = items.into();
    batch["receipt"] = receipt.into();
    [single, batch, item]
}

/// Where an object of the text begins to hold its fields.
fn objects(text: &str) -> Vec<usize> {
    let opens = text.match_indices('{').map(|(at, _)| at + 1);
    opens.collect()
}

#[test]
fn what_the_receipt_does_not_vouch_for_is_refused() {
    let keys = keys(&[1]);
    let public = public(&keys);
    let [single, batch, item] = answers(&keys);
    for answer in [&single, &batch, &item] {
        let text = answer.to_string();
        assert!(verify_answer(&text, &public).is_ok(), "{text}");
        // A field more, a field again, in every object there is.
        for at in objects(&text) {
            let comma = if text[at..].starts_with('}') { "" } else { "," };
            let field: String = text[at..].chars().take_while(|c| *c != ':').collect();
            for more in [
                "\"extra\":1",
                &format!("{field}:null"),
                "\"on\":\"2090-01-01\"",
            ] {
                let changed = format!("{}{more}{comma}{}", &text[..at], &text[at..]);
                assert!(verify_answer(&changed, &public).is_err(), "{changed}");
            }
        }
        for field in answer.as_object().expect("an object").keys() {
            let mut changed = answer.clone();
            changed
                .as_object_mut()
                .expect("an object")
                .shift_remove(field);
            assert!(
                verify_answer(&changed.to_string(), &public).is_err(),
                "without {field}"
            );
        }
    }
    let mut both = batch.clone();
    both["item"] = item["item"].clone();
    both["items"][0]["computed"]["tier"] = "green".into();
    assert!(verify_answer(&both.to_string(), &public).is_err());
    let mut proof = batch.clone();
    proof["items"][0]["proof"] = proof["items"][1]["proof"].clone();
    assert!(
        verify_answer(&proof.to_string(), &public).is_err(),
        "another's proof"
    );
}

proptest! {
    /// Only what reads as the same JSON passes.
    #[test]
    fn any_byte_of_an_answer_counts(shape in 0usize..3, at in any::<Index>(), byte in 32u8..127, how in 0u8..3) {
        let keys = keys(&[1]);
        let text = answers(&keys)[shape].to_string();
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        let changed = String::from_utf8(bytes).expect("plain letters");
        let same = |one: &str| serde_json::from_str::<Value>(one).ok().map(|value| value.to_string());
        prop_assume!(same(&changed) != Some(text));
        prop_assert!(verify_answer(&changed, &public(&keys)).is_err(), "{}", changed);
    }
}
