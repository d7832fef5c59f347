//! Receipts: every byte counts, keys are renewed, and each answer of a batch is proved alone.

use crate::adapters::receipt::Keys;
use crate::adapters::receipt::PublicKey;
use crate::adapters::receipt::ReceiptFault;
use crate::adapters::receipt::digest;
use crate::adapters::receipt::merkle::Tree;
use crate::adapters::receipt::merkle::climb;
use crate::adapters::receipt::verify;
use crate::adapters::receipt::verify_answer;
use serde_json::Value;
use serde_json::json;

fn keys(seeds: &[u8]) -> Keys {
    let secrets: Vec<_> = seeds
        .iter()
        .map(|seed| ([*seed; 32], format!("2026-01-{seed:02}T00:00:00Z")))
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
    let keys = Keys::new(&[(secret, String::new())]).expect("a key");
    let text = keys.public()[0].0.text();
    assert_eq!(
        text,
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
    assert_eq!(PublicKey::parse(&text).map(|key| key.text()), Ok(text));
}

#[test]
fn any_changed_byte_is_found() {
    let keys = keys(&[1]);
    let receipt = keys.sign(&json!({"subject": "91999999MA1ABCDE8G", "tier": "blue", "score": 9}));
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
    answer["receipt"] = keys.sign(&json!({"answer_sha256": digest(&answer)})).into();
    assert!(verify_answer(answer.clone(), &public(&keys)).is_ok());
    answer["computed"]["tier"] = "green".into();
    let fault = verify_answer(answer, &public(&keys)).expect_err("changed");
    assert!(
        fault
            .to_string()
            .contains("a field of the answer was changed"),
        "{fault}"
    );
    assert!(verify_answer(json!({"subject": "u"}), &public(&keys)).is_err());
    assert!(verify_answer(json!(7), &public(&keys)).is_err());
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
            assert!(verify_answer(alone.clone(), &public(&keys)).is_ok());
            let mut changed = alone;
            changed["item"]["subject"] = json!(count + 1);
            assert!(verify_answer(changed, &public(&keys)).is_err());
        }
        let mut batch = json!({"items": items, "receipt": receipt});
        assert!(verify_answer(batch.clone(), &public(&keys)).is_ok());
        if count > 1 {
            let list = batch["items"].as_array_mut().expect("a list");
            list.swap(0, count - 1);
            assert!(
                verify_answer(batch.clone(), &public(&keys)).is_err(),
                "moved"
            );
        }
        batch["items"].as_array_mut().expect("a list").pop();
        assert!(verify_answer(batch, &public(&keys)).is_err(), "shortened");
    }
    assert_eq!(climb(&json!(1), &["X00"]), None);
    assert_eq!(climb(&json!(1), &["é"]), None);
}
