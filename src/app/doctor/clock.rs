//! The clock: of a likely year, not behind what was written by it, and of the zone the directory was served in.

use chrono::Datelike as _;

use crate::app::doctor::Finding;
use crate::app::doctor::Part;
use crate::app::doctor::data::Kept;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;

/// Years a clock is believed in: not before this program was written, nor long after.
const YEARS: std::ops::RangeInclusive<i32> = 2026..=2075;
/// Seconds that a file may be written ahead of the clock: some file systems round.
const AHEAD_S_MAX: i64 = 5;
/// What helps.
const REMEDY: &str = "set it by NTP (chrony or systemd-timesyncd) and restart skytier; readings are judged by it, and times of \
    receipt are kept";

/// Whether a time is likely, beside what is kept.
pub(super) fn examine(now: Instant, kept: &Kept) -> Vec<Finding> {
    let utc = Zone::parse("+00:00").expect("UTC is an offset");
    let text = utc.text(now);
    let year = utc.local(now).year();
    if !YEARS.contains(&year) {
        let said = format!("it says {text}, which is not likely");
        return vec![Finding::wrong(Part::Clock, said, REMEDY)];
    }
    if let Some(beat) = kept.beat {
        // What a daemon noted is by its clock; a file's time is that of whoever copied it.
        let ahead = beat.unix() - now.unix();
        if ahead <= AHEAD_S_MAX {
            return vec![Finding::fine(Part::Clock, text)];
        }
        let beat = utc.text(beat);
        let said = format!(
            "it says {text}; a daemon noted who was there at {beat}, {ahead} s after that: it went back, or was ahead"
        );
        return vec![Finding::wrong(Part::Clock, said, REMEDY)];
    }
    match &kept.newest {
        Some((name, written)) if written - now.unix() > AHEAD_S_MAX => {
            let ahead = written - now.unix();
            let said = format!(
                "it says {text}; {name} was written {ahead} s after that: it went back, or was ahead"
            );
            vec![Finding::wrong(Part::Clock, said, REMEDY)]
        }
        _ => vec![Finding::fine(Part::Clock, text)],
    }
}

/// Whether days are those of the zone a directory was served in.
pub(super) fn zone(zone: Zone, kept: &Kept) -> Option<Finding> {
    let before = kept.zone?;
    let said = format!("zone {zone}");
    if before == zone {
        return Some(Finding::fine(Part::Clock, said));
    }
    Some(Finding::odd(
        Part::Clock,
        format!(
            "{said}, and the directory was last served in {before}: days begin at another hour"
        ),
        format!(
            "give zone = \"{before}\" unless the change is meant; nothing stored depends on it"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::Verdict;

    #[test]
    fn a_clock_is_believed_when_nothing_speaks_against_it() {
        let at = |text: &str| {
            let time = chrono::DateTime::parse_from_rfc3339(text).expect(text);
            Instant::from_unix(time.timestamp())
        };
        let check = |now: &str, written: Option<&str>, expected: Verdict| {
            let newest = written.map(|text| ("skytier.db".to_owned(), at(text).unix()));
            let kept = Kept {
                newest,
                ..Kept::default()
            };
            let found = examine(at(now), &kept);
            assert_eq!(found[0].verdict, expected, "{found:?}");
        };
        let now = "2026-11-22T08:00:00Z";
        check(now, None, Verdict::Fine);
        check(now, Some("2026-11-22T07:59:59Z"), Verdict::Fine);
        check(now, Some("2026-11-22T08:00:05Z"), Verdict::Fine);
        check(now, Some("2026-11-22T08:00:06Z"), Verdict::Wrong);
        check("1970-01-01T00:10:00Z", None, Verdict::Wrong);
        let noted = |text: &str| Kept {
            newest: Some(("skytier.db".to_owned(), i64::MAX)),
            beat: Some(at(text)),
            ..Kept::default()
        };
        let verdict = |kept: Kept| examine(at(now), &kept)[0].verdict;
        assert_eq!(verdict(noted("2026-11-22T08:00:05Z")), Verdict::Fine);
        assert_eq!(verdict(noted("2026-11-22T08:00:06Z")), Verdict::Wrong);
        check("2099-01-01T00:00:00Z", None, Verdict::Wrong);
    }

    #[test]
    fn another_zone_than_before_is_told() {
        let kept = |zone: &str| Kept {
            zone: Zone::parse(zone),
            ..Kept::default()
        };
        let verdict = |before: &str| {
            let found = super::zone(Zone::beijing(), &kept(before));
            found.map(|found| found.verdict)
        };
        assert_eq!(verdict("+08:00"), Some(Verdict::Fine));
        assert_eq!(verdict("+09:00"), Some(Verdict::Odd));
        assert_eq!(verdict("never"), None);
    }
}
