//! Messages that could not be used when they came, and what later tries made of them.

use super::at;
use super::batch;
use super::letter;
use super::letters_after;
use super::on_every_store;
use skytier::adapters::store::Stores;
use skytier::domain::names::Source;
use skytier::ports::Batch;
use skytier::ports::LetterQuery;
use skytier::ports::LetterState;
use skytier::ports::Retried;

#[test]
fn dead_letters_are_kept_whole_and_paged_by_position() {
    on_every_store(async |kind, stores| {
        for numbers in [vec![3, 1], vec![], vec![2, 2, 300]] {
            let letters = Batch {
                dead_letters: numbers.into_iter().map(letter).collect(),
                ..Batch::new(at(100))
            };
            stores.series.append(letters).await.expect("appended");
        }
        let check = async |after, limit, expected: &[(u64, i64)]| {
            let found = stores.letters.letters(letters_after(after, limit)).await;
            let found = found.expect("letters").into_iter();
            let found: Vec<_> = found.map(|kept| (kept.id, kept.letter)).collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(position, number)| (*position, letter(*number)))
                .collect();
            assert_eq!(found, expected, "{kind} after {after}");
        };
        check(0, 9, &[(1, 3), (2, 1), (3, 2), (4, 2), (5, 300)]).await;
        check(0, 2, &[(1, 3), (2, 1)]).await;
        check(2, 2, &[(3, 2), (4, 2)]).await;
        check(4, 2, &[(5, 300)]).await;
        check(5, 2, &[]).await;
        check(u64::MAX, usize::MAX, &[]).await;
        check(0, 0, &[]).await;
    });
}

fn retried(letter: u64, at_s: i64, state: LetterState, reason: &str) -> Retried {
    Retried {
        letter,
        at: at(at_s),
        state,
        reason: reason.to_owned(),
    }
}

/// Numbers of the letters that stand so, of a source.
async fn ids(stores: &Stores, state: Option<LetterState>, source: Option<&str>) -> Vec<u64> {
    let query = LetterQuery {
        state,
        source: source.map(|source| Source::parse(source).expect("a source")),
        ..letters_after(0, 9)
    };
    let found = stores.letters.letters(query).await.expect("letters");
    found.iter().map(|kept| kept.id).collect()
}

async fn counts(stores: &Stores) -> Vec<String> {
    let counts = stores.letters.letter_counts().await.expect("counts");
    let line = |(source, state, count): &(Source, LetterState, u64)| {
        format!("{source} {} {count}", state.key())
    };
    counts.iter().map(line).collect()
}

/// How many stand in each state, one asked after the other: quarantined, dead, admitted.
async fn states(stores: &Stores) -> [u64; 3] {
    let count = async |state| stores.letters.letter_count(state).await.expect("a count");
    [
        count(LetterState::Quarantined).await,
        count(LetterState::Dead).await,
        count(LetterState::Admitted).await,
    ]
}

#[test]
fn what_later_tries_made_of_a_letter_is_kept_and_counts() {
    on_every_store(async |kind, stores| {
        let mut quarantined = letter(3);
        quarantined.state = LetterState::Quarantined;
        let letters = Batch {
            dead_letters: vec![letter(1), letter(2), quarantined],
            ..Batch::new(at(100))
        };
        stores.series.append(letters).await.expect("appended");
        let first = retried(2, 200, LetterState::Dead, "还是不行");
        let second = retried(2, 300, LetterState::Admitted, "2 values admitted");
        let third = retried(3, 300, LetterState::Admitted, "1 value admitted");
        for (retried, text) in [
            (vec![first.clone()], ""),
            (
                vec![second.clone(), third.clone()],
                "S2 pm25 5 1; S2 co 5 2",
            ),
        ] {
            let again = Batch {
                retried,
                ..batch(300, text)
            };
            stores.series.append(again).await.expect("appended");
        }
        let all = stores
            .letters
            .letters(letters_after(1, 1))
            .await
            .expect("letters");
        assert_eq!(all[0].letter, letter(2), "{kind}: it stays as it came");
        assert_eq!(all[0].tries, [first, second], "{kind}");
        assert_eq!(all[0].state(), LetterState::Admitted, "{kind}");
        assert_eq!(all[0].reason(), "2 values admitted", "{kind}");
        assert_eq!(
            ids(stores, Some(LetterState::Dead), None).await,
            [1],
            "{kind}"
        );
        assert_eq!(
            ids(stores, Some(LetterState::Admitted), None).await,
            [2, 3],
            "{kind}"
        );
        assert!(
            ids(stores, Some(LetterState::Quarantined), None)
                .await
                .is_empty(),
            "{kind}"
        );
        assert_eq!(ids(stores, None, Some("stations/S3")).await, [3], "{kind}");
        assert!(
            ids(stores, None, Some("loggers/S3")).await.is_empty(),
            "{kind}"
        );
        let expected = [
            "stations/S1 dead 1",
            "stations/S2 admitted 1",
            "stations/S3 admitted 1",
        ];
        assert_eq!(counts(stores).await, expected, "{kind}");
        assert_eq!(states(stores).await, [0, 1, 2], "{kind}");
        let verified = stores.verify.verify().await.expect("verified");
        assert_eq!(verified.fault, None, "{kind}");
    });
}
