//! Blocks come back as they were, merge as a map does, and make nothing stumble that reads them.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SPAN: i64 = 16_436;

fn remark(number: u32) -> Option<Arc<Remark>> {
    let flags = ["N", "M", "HSp"];
    (number > 0).then(|| {
        Arc::new(Remark {
            missing: number.is_multiple_of(2),
            deleted: number == 3,
            flag: Flag::new(flags[number as usize % 3]).expect("a flag"),
            qc: Qc::Clock,
            review: Review::Reviewed,
        })
    })
}

fn cell(offset: u32, value: i64, received_at: i64, number: u32) -> Cell {
    let remark = remark(number);
    let missing = remark.as_ref().is_some_and(|remark| remark.missing);
    Cell {
        offset,
        value: if missing { 0 } else { value },
        received_at,
        remark,
    }
}

/// Cells of a day in the order they came: regular or not, plain or not, as in a good or a bad stream.
fn cells() -> impl Strategy<Value = Vec<Cell>> {
    let value = prop_oneof![
        8 => (0..5_000i64).prop_map(|tenth| tenth * 100_000),
        1 => any::<i64>()
    ];
    let remark = prop_oneof![6 => Just(0u32), 1 => 0..4u32];
    let one = (1..1_440u32, value, 0..300i64, remark);
    let one = one.prop_map(|(minute, value, lag, remark)| {
        cell(
            minute * 60,
            value,
            1_420_041_600 + i64::from(minute * 60) + lag,
            remark,
        )
    });
    prop::collection::vec(one, 1..200)
}

fn block(cells: &[Cell]) -> Block {
    let mut cells = cells.to_vec();
    cells.sort_by_key(|cell| cell.offset);
    Block::default().with(cells.into_iter())
}

fn without_value(mut cell: Cell) -> Cell {
    if cell.remark.as_ref().is_some_and(|remark| remark.missing) {
        cell.value = 0;
    }
    cell
}

fn listed(block: &Block) -> Vec<Cell> {
    (0..block.len())
        .map(|at| without_value(block.cell(at)))
        .collect()
}

fn naive(cells: &[Cell]) -> Vec<Cell> {
    let by_offset: BTreeMap<u32, &Cell> = cells.iter().map(|cell| (cell.offset, cell)).collect();
    by_offset.into_values().cloned().collect()
}

fn minute_cut() -> Cut {
    Cut::of(60)
}

proptest! {
    #[test]
    fn a_block_comes_back(cells in cells()) {
        let block = block(&cells);
        prop_assert_eq!(listed(&block), naive(&cells));
        let data = block.encode(minute_cut(), SPAN);
        let n = block.len() as u32;
        let read = Block::decode(&data, n, minute_cut(), SPAN).expect("sound");
        prop_assert_eq!(listed(&read), naive(&cells));
        prop_assert_eq!(read.summary(minute_cut(), SPAN), block.summary(minute_cut(), SPAN));
        for wrong in [0, n - 1, n + 1] {
            if let Ok(read) = Block::decode(&data, wrong, minute_cut(), SPAN) {
                prop_assert_eq!(read.len(), wrong as usize, "never another count than asked for");
            }
        }
    }

    #[test]
    fn merging_is_setting_one_after_another(first in cells(), second in cells()) {
        let mut second_ordered = second.clone();
        second_ordered.sort_by_key(|cell| cell.offset);
        let merged = block(&first).with(second_ordered.clone().into_iter());
        let all: Vec<Cell> = first.iter().chain(&second).cloned().collect();
        prop_assert_eq!(listed(&merged), naive(&all));
        let again = merged.clone().with(second_ordered.into_iter());
        prop_assert_eq!(listed(&again), listed(&merged));
        let cut = minute_cut();
        let data = merged.encode(cut, SPAN);
        let read = Block::decode(&data, merged.len() as u32, cut, SPAN).expect("sound");
        prop_assert_eq!(listed(&read), listed(&merged));
    }

    #[test]
    fn a_summary_is_that_of_the_values(cells in cells()) {
        let summary = block(&cells).summary(minute_cut(), SPAN);
        let kept = naive(&cells);
        let present = kept.iter().filter(|cell| cell.remark.as_ref().is_none_or(|remark| remark.has_value()));
        let values: Vec<i128> = present.map(|cell| cell.value.into()).collect();
        let sum = i64::try_from(values.iter().sum::<i128>());
        prop_assert_eq!(summary.n as usize, kept.len());
        prop_assert_eq!(summary.min.map(i128::from), values.iter().min().copied());
        prop_assert_eq!(summary.max.map(i128::from), values.iter().max().copied());
        if let Some(found) = summary.sum {
            prop_assert_eq!(Ok(found), sum);
        }
    }

    /// Cut, changed or invented bytes: an answer, and no more memory than the count asks for.
    #[test]
    fn no_bytes_make_it_stumble(
        cells in cells(),
        n in 0..2_000u32,
        cut in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let whole = block(&cells);
        let mut data = whole.encode(minute_cut(), SPAN);
        if edits.len() % 2 == 1 {
            data.truncate(cut.index(data.len() + 1));
        }
        for (at, byte) in edits {
            if !data.is_empty() {
                let at = at.index(data.len());
                data[at] = byte;
            }
        }
        for n in [n, whole.len() as u32] {
            if let Ok(read) = Block::decode(&data, n, minute_cut(), SPAN) {
                prop_assert_eq!(read.len(), n as usize);
            }
        }
    }

    #[test]
    fn a_time_has_one_span_and_one_offset(time in any::<i64>(), interval_s in prop::sample::select(vec![0, 60, 3_600])) {
        let cut = Cut::of(interval_s);
        let span = cut.span(time);
        let offset = cut.offset(span, time);
        prop_assert!((1..=cut.readings_max()).contains(&offset));
        prop_assert_eq!(cut.time(span, offset), time);
    }
}

#[test]
fn a_day_of_the_usual_zone_is_one_span() {
    let cut = minute_cut();
    let midnight = 1_420_041_600; // 2015-01-01 00:00 in UTC+8
    let check = |time: i64, span: i64, offset: u32| {
        assert_eq!(
            (cut.span(time), cut.offset(span, time)),
            (span, offset),
            "{time}"
        );
    };
    check(midnight, SPAN - 1, 86_400);
    check(midnight + 1, SPAN, 1);
    check(midnight + 86_400, SPAN, 86_400);
    check(
        i64::MAX,
        cut.span(i64::MAX),
        cut.offset(cut.span(i64::MAX), i64::MAX),
    );
    check(
        i64::MIN,
        cut.span(i64::MIN),
        cut.offset(cut.span(i64::MIN), i64::MIN),
    );
    assert_eq!(Cut::of(3_600).readings_max(), 60 * 86_400);
    assert_eq!(Cut::of(3_599).readings_max(), 86_400);
}

/// A regular day of plain values: times and receipt cost next to nothing.
#[test]
fn a_usual_day_is_small() {
    let mut value = 400i64;
    let cells = (1..=1_440u32).map(|minute| {
        value += i64::from(minute * 7_919 % 21) - 10;
        let time = minute_cut().time(SPAN, minute * 60);
        cell(minute * 60, value.abs() * 100_000, time + 4, 0)
    });
    let block = Block::default().with(cells);
    let length = block.encode(minute_cut(), SPAN).len();
    assert!(length < 1_440, "{length} bytes for 1440 values");
}

#[test]
fn impossible_data_are_named() {
    let check = |data: &[u8], n: u32, expected: &'static str| {
        let found = Block::decode(data, n, minute_cut(), SPAN);
        assert_eq!(found, Err(Malformed(expected)), "{data:?}");
    };
    let zero = [0, 0, 0];
    let after = |start: &[u8], rest: &[u8]| [start, &zero, &zero, rest].concat();
    check(&[], 0, "an impossible count of readings");
    check(&[], 86_401, "an impossible count of readings");
    check(&[], 1, "ends early");
    check(&[5, 0], 1, "an unknown coding");
    check(&[0x70, 0], 1, "an unknown scale");
    check(&[0, 0, 0], 1, "times out of order");
    check(&[0, 2, 0], 2, "times out of order");
    check(&[0, 1, 0], 1, "a time outside its span");
    check(&after(&[0, 2, 2], &[0]), 2, "ends early");
    check(
        &after(&[0, 2, 2], &[1, 0, 2, 2]),
        2,
        "an impossible run of remarks",
    );
    check(
        &after(&[0, 2, 2], &[1, 0, 0, 3]),
        2,
        "an impossible run of remarks",
    );
    check(&after(&[0, 2, 2], &[1, 0, 0, 2, 0]), 2, "bytes left over");
    check(&[2, 2], 2, "ends early");
    check(&[1, 2, 0, 0], 2, "columns that do not unpack");
}
