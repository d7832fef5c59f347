//! Restatements as programs and people read them: JSON, CSV, a table for the terminal.

use serde_json::Value;
use serde_json::json;

use crate::adapters::cells::Cells;
use crate::adapters::lang::Lang;
use crate::adapters::publications::value;
use crate::adapters::report;
use crate::adapters::report::table::table;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;
use crate::domain::publication::Issue;
use crate::domain::publication::IssueKind;
use crate::domain::publication::pollutant_of;
use crate::domain::reading::Review;
use crate::domain::restatement::Cause;
use crate::domain::restatement::Decided;
use crate::domain::restatement::ExclusionCause;
use crate::domain::restatement::ExclusionTurn;
use crate::domain::restatement::ReadingCause;
use crate::domain::restatement::Turn;
use crate::flow::beside::ExclusionView;
use crate::flow::restatement::Restated;
use crate::flow::restatement::Restatement;

/// What a changed exclusion is called.
const EXCLUSION_CHANGED: &str = "exclusion_changed";

/// Columns of the CSV: one row an item.
pub const COLUMNS: [&str; 15] = [
    "issue",
    "kind",
    "area",
    "by",
    "period",
    "edition",
    "review",
    "issued_at",
    "known_at",
    "item",
    "old",
    "new",
    "difference",
    "causes",
    "exclusions",
];

/// One issue that would be said otherwise, as an object of the interface.
pub fn restatement_json(zone: Zone, restatement: &Restatement) -> Value {
    let issue = &restatement.issue;
    let item = |own: &Restated| {
        let difference = &own.difference;
        json!({
            "item": difference.item,
            "old": value(difference.old.as_deref()),
            "new": value(difference.new.as_deref()),
            "difference": difference.change.map(report::number),
            "causes": own.causes.iter().map(|cause| cause_json(zone, cause)).collect::<Vec<_>>(),
        })
    };
    json!({
        "issue": restatement.number,
        "kind": issue.kind.key(),
        "area": issue.area,
        "by": issue.by.key(),
        "period": issue.period.label,
        "from": issue.period.span.from.to_string(),
        "to": issue.period.span.to.to_string(),
        "edition": issue.edition,
        "review": issue.review.key(),
        "exclusions": side(issue).key(),
        "issued_at": zone.text(issue.issued_at),
        "known_at": zone.text(issue.known_at),
        "items": restatement.items.iter().map(item).collect::<Vec<_>>(),
    })
}

/// Whether an issue leaves excluded days out.
fn side(issue: &Issue) -> ExclusionView {
    match issue.settings.deducted {
        true => ExclusionView::With,
        false => ExclusionView::Without,
    }
}

fn reading_json(zone: Zone, own: &ReadingCause) -> Value {
    let mut object = json!({
        "cause": own.turn.key(),
        "station": own.station.as_str(),
        "pollutant": own.pollutant.key(),
        "readings": own.readings,
        "hours": own.hours,
        "first": zone.text(own.times.0),
        "last": zone.text(own.times.1),
    });
    let (first, last) = match own.decided {
        None => ("received_first", "received_last"),
        Some(_) => ("decided_first", "decided_last"),
    };
    object[first] = zone.text(own.received.0).into();
    object[last] = zone.text(own.received.1).into();
    if let Some(decided) = &own.decided {
        object["decision"] = decided.verdict.into();
        object["reviewer"] = decided.reviewer.as_str().into();
        object["reason"] = decided.reason.as_str().into();
    }
    object
}

fn exclusion_json(cause: &ExclusionCause) -> Value {
    let own = &cause.exclusion;
    json!({
        "cause": EXCLUSION_CHANGED,
        "change": cause.turn.key(),
        "exclusion": own.id,
        "place": own.place.to_string(),
        "first": own.span.from.to_string(),
        "last": own.span.to.to_string(),
        "pollutants": own.pollutants.iter().map(|one| one.key()).collect::<Vec<_>>(),
        "statistics": own.statistics.iter().map(|one| one.key()).collect::<Vec<_>>(),
        "reason": own.reason,
        "document": own.document,
        "decided_on": own.decided_on.to_string(),
        "revoked_on": own.revoked_on.map(|day| day.to_string()),
    })
}

fn cause_json(zone: Zone, cause: &Cause) -> Value {
    let member = |word: &str, station: &SourceId, days: u32, span: &Span| {
        json!({
            "cause": word,
            "station": station.as_str(),
            "days": days,
            "first": span.from.to_string(),
            "last": span.to.to_string(),
        })
    };
    match cause {
        Cause::Readings(own) => reading_json(zone, own),
        Cause::Exclusion(own) => exclusion_json(own),
        Cause::Zone { then, now } => json!({
            "cause": "zone",
            "then": then.to_string(),
            "now": now.to_string(),
        }),
        Cause::Joined {
            station,
            days,
            span,
        } => member("joined", station, *days, span),
        Cause::Left {
            station,
            days,
            span,
        } => member("left", station, *days, span),
        Cause::Rules => json!({"cause": "rules"}),
    }
}

/// One row an item, with a header.
///
/// # Errors
/// When writing fails.
pub fn restatements_csv(
    zone: Zone,
    restatements: &[Restatement],
    out: impl std::io::Write,
) -> csv::Result<()> {
    let mut writer = Cells::new(out);
    writer.write_record(COLUMNS)?;
    for restatement in restatements {
        let issue = &restatement.issue;
        for own in &restatement.items {
            let difference = &own.difference;
            let change = difference.change.map(|change| change.to_string());
            writer.write_record([
                restatement.number.to_string().as_str(),
                issue.kind.key(),
                &issue.area,
                issue.by.key(),
                &issue.period.label,
                &issue.edition,
                issue.review.key(),
                &zone.text(issue.issued_at),
                &zone.text(issue.known_at),
                difference.item,
                difference.old.as_deref().unwrap_or(""),
                difference.new.as_deref().unwrap_or(""),
                change.as_deref().unwrap_or(""),
                &causes(zone, Lang::En, &own.causes),
                side(issue).key(),
            ])?;
        }
    }
    writer.flush()?;
    Ok(())
}

/// What a person reads: an issue's items as a table, then why, each cause once.
pub fn restatements_table(zone: Zone, lang: Lang, restatements: &[Restatement]) -> String {
    if restatements.is_empty() {
        let nothing = "nothing published would be said otherwise now";
        return format!("{}\n", lang.pick("已发布数据无变化", nothing));
    }
    let blocks: Vec<String> = restatements
        .iter()
        .map(|restatement| block(zone, lang, restatement))
        .collect();
    blocks.join("\n")
}

fn block(zone: Zone, lang: Lang, restatement: &Restatement) -> String {
    let issue = &restatement.issue;
    let kind = match issue.kind {
        IssueKind::Bulletin => lang.pick("公报", "bulletin"),
        IssueKind::Snapshot => lang.pick("快照", "snapshot"),
    };
    let (number, period) = (restatement.number, &issue.period.label);
    let (area, edition, at) = (&issue.area, &issue.edition, zone.text(issue.issued_at));
    let basis = basis(lang, issue);
    let heading = match lang {
        Lang::Zh => {
            format!("第{number}号{kind}：{area} {period}，标准{edition}{basis}，发布于{at}")
        }
        Lang::En => {
            format!("{kind} {number}: {area} {period}, edition {edition}{basis}, issued {at}")
        }
    };
    let header = [
        lang.pick("项目", "item"),
        lang.pick("已发布", "published"),
        lang.pick("现值", "now"),
        lang.pick("差值", "difference"),
    ];
    let row = |own: &Restated| {
        let difference = &own.difference;
        let change = difference.change.map(|change| change.to_string());
        vec![
            item_name(lang, difference.item),
            difference.old.clone().unwrap_or_default(),
            difference.new.clone().unwrap_or_default(),
            change.unwrap_or_default(),
        ]
    };
    let items = table(&header, restatement.items.iter().map(row).collect());
    let mut all: Vec<Cause> = Vec::new();
    for cause in restatement.items.iter().flat_map(|own| &own.causes) {
        if !all.contains(cause) {
            all.push(cause.clone());
        }
    }
    let reasons = cause_lines(zone, lang, &all);
    let reasons = reasons.iter().map(|line| format!("  {line}\n"));
    let why = lang.pick("原因：", "causes:");
    format!("{heading}\n{items}{why}\n{}", reasons.collect::<String>())
}

/// What an issue rests on, where that is not values as received with every day as measured.
fn basis(lang: Lang, issue: &Issue) -> String {
    let mut words = String::new();
    if issue.review == Review::Reviewed {
        words.push_str(lang.pick("，审核数据", ", reviewed"));
    }
    if issue.settings.deducted {
        words.push_str(lang.pick("，已扣除剔除日", ", excluded days left out"));
    }
    words
}

/// An item's name for people.
fn item_name(lang: Lang, item: &str) -> String {
    let words = match item {
        "aqi" => ("AQI", "AQI"),
        "primary" => ("首要污染物", "primary pollutant"),
        "valid_days" => ("有效天数", "valid days"),
        "good_days" => ("优良天数", "good days"),
        "heavy_days" => ("重度及以上污染天数", "heavy days"),
        "good_day_ratio" => ("优良天数比率", "good-day ratio"),
        "composite_index" => ("综合指数", "composite index"),
        "pm25_yoy_pct" => ("PM2.5同比（%）", "PM2.5 year on year (%)"),
        "good_day_ratio_yoy_pp" => (
            "优良天数比率同比（百分点）",
            "good-day ratio year on year (pp)",
        ),
        _ => {
            let label = pollutant_of(item).map_or(item, |pollutant| pollutant.label());
            let part = if item.ends_with("_percentile") {
                lang.pick("百分位数", " percentile")
            } else {
                ""
            };
            return format!("{label}{part}");
        }
    };
    lang.pick(words.0, words.1).to_owned()
}

fn causes(zone: Zone, lang: Lang, causes: &[Cause]) -> String {
    cause_lines(zone, lang, causes).join(lang.pick("；", "; "))
}

/// A line a cause; pollutants of a station to which the same happened at the same times share one.
fn cause_lines(zone: Zone, lang: Lang, causes: &[Cause]) -> Vec<String> {
    let same = |a: &ReadingCause, b: &ReadingCause| {
        let key = |own: &ReadingCause| (own.turn, own.hours, own.times, own.received);
        a.station == b.station && key(a) == key(b) && a.decided == b.decided
    };
    let mut shared: Vec<(&ReadingCause, Vec<&str>)> = Vec::new();
    let mut lines = Vec::new();
    for cause in causes {
        match cause {
            Cause::Readings(own) => match shared.iter_mut().find(|(first, _)| same(first, own)) {
                Some((_, labels)) => labels.push(own.pollutant.label()),
                None => shared.push((own, vec![own.pollutant.label()])),
            },
            Cause::Joined {
                station,
                days,
                span,
            } => lines.push(member_text(
                lang,
                station,
                ("新计入", "joined"),
                *days,
                *span,
            )),
            Cause::Left {
                station,
                days,
                span,
            } => lines.push(member_text(
                lang,
                station,
                ("不再计入", "left"),
                *days,
                *span,
            )),
            Cause::Exclusion(own) => lines.push(exclusion_text(lang, own)),
            Cause::Zone { then, now } => {
                let words = lang.pick("时区变化", "zone changed");
                lines.push(format!("{words} {then} > {now}"));
            }
            Cause::Rules => {
                let words = lang.pick("规则或程序变化", "rules or program changed");
                lines.push(words.to_owned());
            }
        }
    }
    let reading = |(own, labels): (&ReadingCause, Vec<&str>)| {
        reading_text(zone, lang, own, &labels.join(" "))
    };
    lines.extend(shared.into_iter().map(reading));
    lines
}

fn exclusion_text(lang: Lang, cause: &ExclusionCause) -> String {
    let own = &cause.exclusion;
    let word = match cause.turn {
        ExclusionTurn::Entered => lang.pick("新增剔除", "exclusion entered"),
        ExclusionTurn::Revoked => lang.pick("撤销剔除", "exclusion revoked"),
        ExclusionTurn::Changed => lang.pick("变更剔除", "exclusion changed"),
    };
    let labels: Vec<&str> = own.pollutants.iter().map(|one| one.label()).collect();
    let (id, place, labels) = (&own.id, &own.place, labels.join(" "));
    let (from, to, document) = (own.span.from, own.span.to, &own.document);
    let at = match (cause.turn, own.revoked_on) {
        (ExclusionTurn::Revoked, Some(day)) => day,
        _ => own.decided_on,
    };
    let of = lang.pick("决定于", "decided");
    format!("{word} {id} {place} {labels} {from}/{to} {document} {of} {at}")
}

fn member_text(
    lang: Lang,
    station: &SourceId,
    words: (&str, &str),
    days: u32,
    span: Span,
) -> String {
    let (word, unit) = (lang.pick(words.0, words.1), lang.pick("天", " days"));
    format!("{station} {word} {days}{unit} {}/{}", span.from, span.to)
}

fn reading_text(zone: Zone, lang: Lang, own: &ReadingCause, labels: &str) -> String {
    let word = match own.turn {
        Turn::Late => lang.pick("迟到", "late"),
        Turn::Corrected => lang.pick("更正", "corrected"),
        Turn::NoValue => lang.pick("撤回", "taken back"),
        Turn::Flagged => lang.pick("标记无效", "flagged"),
        Turn::Reviewed => lang.pick("审核", "reviewed"),
    };
    let unit = match (lang, own.hours) {
        (Lang::Zh, _) => "小时",
        (Lang::En, 1) => " hour",
        (Lang::En, _) => " hours",
    };
    let stretch = |(first, last): (Instant, Instant)| match first == last {
        true => zone.text(first),
        false => format!("{}/{}", zone.text(first), zone.text(last)),
    };
    let (station, hours, times) = (&own.station, own.hours, stretch(own.times));
    let received = stretch(own.received);
    let Some(Decided {
        verdict,
        reviewer,
        reason,
    }) = &own.decided
    else {
        let at = lang.pick("收到于", "received");
        return format!("{station} {labels} {word} {hours}{unit} {times} {at} {received}");
    };
    let verdict = match (lang, *verdict) {
        (Lang::Zh, "confirm") => "确认有效",
        (Lang::Zh, "void") => "判为无效",
        (Lang::Zh, "correct") => "改正",
        (_, other) => other,
    };
    let at = lang.pick("决定于", "decided");
    let said = format!("{station} {labels} {word} {verdict} {hours}{unit} {times}");
    format!("{said} {at} {received} {reviewer} {reason}")
        .trim_end()
        .to_owned()
}
