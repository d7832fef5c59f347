//! Records of look-ups: kept in order, found by their identifier, never changed unseen.

use super::embedded;
use super::on_every_store;
use super::run;
use chrono::DateTime;
use chrono::FixedOffset;
use rusqlite::Connection;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::domain::credit::lookup::Lookup;
use skytier::domain::credit::lookup::Wanted;
use skytier::domain::credit::uscc::Uscc;
use tempfile::TempDir;

fn lookup(id: &str, client: Option<&str>) -> Lookup {
    Lookup {
        id: id.to_owned(),
        asked_at: "2026-07-15T09:00:00.000001+08:00".parse().expect("a time"),
        client: client.map(str::to_owned),
        checked: client.is_some_and(|name| name.len() > 4),
        subject: None,
        items: 2,
        receipt: format!("skr1.k.{id}.s"),
    }
}

#[test]
fn a_look_up_is_found_by_its_identifier() {
    on_every_store(async |kind, stores| {
        let (one, two) = (lookup("a1", Some("bank 7")), lookup("b2", None));
        let noted = stores.lookups.note(vec![one.clone(), two.clone()]).await;
        assert_eq!(noted, Ok(2), "{kind}");
        assert_eq!(
            stores.lookups.note(vec![lookup("a1", None)]).await,
            Ok(3),
            "{kind}"
        );
        let find = async |id: &str| stores.lookups.lookup(id).await.expect("answered");
        assert_eq!(find("a1").await, Some((1, one)), "{kind}");
        assert_eq!(find("b2").await, Some((2, two)), "{kind}");
        assert_eq!(find("c3").await, None, "{kind}");
    });
}

#[test]
fn a_changed_look_up_is_refused_and_found() {
    let check = |sql: &str, expected: &str| {
        let directory = TempDir::new().expect("a directory");
        let stores = embedded(directory.path());
        let noted = vec![lookup("a1", Some("bank 7")), lookup("b2", None)];
        run(async { stores.lookups.note(noted).await }).expect("noted");
        drop(stores);
        let connection = Connection::open(directory.path().join("skytier.db")).expect("opened");
        let refused = connection.execute_batch(sql).expect_err("append-only");
        assert!(refused.to_string().contains("append-only"), "{refused}");
        let freed = "DROP TRIGGER lookup_keep; DROP TRIGGER lookup_hold;";
        connection
            .execute_batch(&format!("{freed}{sql}"))
            .expect(sql);
        let triggers = "CREATE TRIGGER lookup_keep BEFORE UPDATE ON lookup BEGIN
                SELECT RAISE(ABORT, 'look-ups are append-only');
            END;
            CREATE TRIGGER lookup_hold BEFORE DELETE ON lookup BEGIN
                SELECT RAISE(ABORT, 'look-ups are append-only');
            END;";
        connection.execute_batch(triggers).expect("made again");
        let store = Embedded::open(directory.path(), Access::Read).expect("opened for reading");
        let verified = run(async { Stores::embedded(store).verify.verify().await });
        let fault = verified.expect("verified").fault.expect("a fault");
        assert!(fault.contains(expected), "{sql}: {fault}");
    };
    check(
        "UPDATE lookup SET line = replace(line, 'bank 7', 'bank 8') WHERE seq = 1",
        "table lookup, row 1: does not match its hash",
    );
    check("DELETE FROM lookup WHERE seq = 1", "look-up 1 is missing");
    check(
        "DELETE FROM lookup WHERE seq = 2",
        "table lookup: 1 rows where 2 belong",
    );
}

#[test]
fn look_ups_are_listed_by_who_asked_about_whom_and_when() {
    on_every_store(async |kind, stores| {
        let subject = Uscc::new("91999999MA1ABCDE8G").expect("a right code");
        let mut rows = vec![
            lookup("a1", Some("bank 7")),
            lookup("b2", None),
            lookup("c3", Some("b")),
            lookup("d4", Some("bank 7")),
        ];
        let later: DateTime<FixedOffset> = "2026-07-16T00:00:00+08:00".parse().expect("a time");
        rows[3].subject = Some(subject);
        rows[3].asked_at = later;
        stores.lookups.note(rows).await.expect("noted");
        let check = async |change: fn(&mut Wanted), expected: &str| {
            let mut wanted = Wanted {
                limit: 10,
                ..Wanted::default()
            };
            change(&mut wanted);
            // What a plain function cannot name is filled in here.
            wanted.subject = wanted.subject.map(|_| subject);
            wanted.from = wanted.from.map(|_| later);
            wanted.before = wanted.before.map(|_| later);
            let found = stores.lookups.lookups(wanted.clone()).await;
            let found = found.expect("answered");
            let found: Vec<String> = found.iter().map(|(seq, _)| seq.to_string()).collect();
            assert_eq!(found.join(" "), expected, "{kind}: {wanted:?}");
        };
        check(|_| (), "1 2 3 4").await;
        check(|wanted| wanted.after = 2, "3 4").await;
        check(|wanted| wanted.limit = 2, "1 2").await;
        check(|wanted| wanted.after = u64::MAX, "").await;
        check(|wanted| wanted.client = Some("bank 7".to_owned()), "1 4").await;
        // Nobody checked that it was.
        check(|wanted| wanted.client = Some("b".to_owned()), "").await;
        check(
            |wanted| wanted.subject = Uscc::new("91999999MA1ABCDE8G").ok(),
            "4",
        )
        .await;
        check(|wanted| wanted.from = Some(DateTime::default()), "4").await;
        check(|wanted| wanted.before = Some(DateTime::default()), "1 2 3").await;
    });
}
