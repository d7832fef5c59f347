//! What the figures of a bulletin rest on: edition, rounding, completeness, comparability, review state, stations,
//! targets, times.

use chrono::Datelike;

use crate::adapters::bulletin::daily::station_name;
use crate::adapters::bulletin::period::stop;
use crate::adapters::bulletin::ranks;
use crate::adapters::bulletin::words;
use crate::adapters::lang::Lang;
use crate::adapters::words::shortfall;
use crate::adapters::words::side as language_side;
use crate::adapters::words::void_day;
use crate::domain::area::AreaDay;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::pollutant::Pollutant;
use crate::domain::registry::Target;
use crate::flow::bulletin::Bulletin;
use crate::flow::bulletin::Member;

/// Runs of void days named one by one; of more, the rest is counted.
const VOID_RUNS_NAMED: usize = 5;

type Note = (String, String);

/// The notes in the order they are printed.
pub(super) fn notes(bulletin: &Bulletin, lang: Lang) -> Vec<Note> {
    let note = |zh: &str, en: &str, text: String| (lang.pick(zh, en).to_owned(), text);
    let mut notes = vec![
        note("评价标准", "Edition", edition(bulletin, lang)),
        note("数值修约", "Rounding", rounding(bulletin, lang)),
        note("数据完整性", "Completeness", completeness(bulletin, lang)),
    ];
    if bulletin.issue.kind != PeriodKind::Day {
        notes.push(note(
            "同比可比性",
            "Comparability",
            comparability(bulletin, lang),
        ));
    }
    let ranks = ranks::sources(bulletin, lang);
    notes.extend(ranks.map(|sources| note("名次", "Ranks", sources)));
    notes.push(note("审核状态", "Review state", review(bulletin, lang)));
    notes.push(note("站点", "Stations", stations(bulletin, lang)));
    notes.push(note("年度目标", "Targets", targets(bulletin, lang)));
    notes.push(note("时间", "Times", times(bulletin, lang)));
    notes
}

fn edition(bulletin: &Bulletin, lang: Lang) -> String {
    let documents = bulletin.edition.title.split(" / ");
    let documents: Vec<String> = documents.map(|code| words::document(code, lang)).collect();
    let id = &bulletin.edition.id;
    let mut parts = vec![match lang {
        Lang::Zh => format!("{}（版本{id}）", documents.join("、")),
        Lang::En => format!("{} (edition {id})", documents.join(", ")),
    }];
    let others: Vec<&str> = bulletin
        .side
        .report
        .others
        .iter()
        .map(|other| other.assessment.edition.as_str())
        .collect();
    if !others.is_empty() {
        let others = others.join(", ");
        parts.push(match lang {
            Lang::Zh => format!("本期内还有版本{others}施行，全期按版本{id}统一计算"),
            Lang::En => format!("edition {others} was in force within the period too; all of it is computed under {id}"),
        });
    }
    stop(parts, lang)
}

fn rounding(bulletin: &Bulletin, lang: Lang) -> String {
    let one = |own: Pollutant| match (lang, bulletin.decimals(own)) {
        (Lang::Zh, 0) => format!("{}取整数", own.label()),
        (Lang::Zh, decimals) => format!("{}取{decimals}位小数", own.label()),
        (Lang::En, 0) => format!("{} whole", own.label()),
        (Lang::En, decimals) => format!("{} {decimals} decimal", own.label()),
    };
    let all = Pollutant::ALL.map(one).join(lang.pick("、", ", "));
    match lang {
        Lang::Zh => format!("按发布口径四舍六入五成双一次修约：{all}；同比由发布值计算。"),
        Lang::En => format!(
            "Rounded once, half to even, by the publication profile: {all}; changes are computed from published figures."
        ),
    }
}

fn completeness(bulletin: &Bulletin, lang: Lang) -> String {
    let days = bulletin.side.now().days;
    let mut parts = vec![match lang {
        Lang::Zh => format!(
            "日历{}天，有效{}天，无效{}天",
            days.calendar,
            days.valid,
            days.void()
        ),
        Lang::En => format!(
            "{}, {} valid, {} void",
            words::days(i64::from(days.calendar), lang),
            days.valid,
            days.void()
        ),
    }];
    let total = bulletin.covered.length();
    let short = |own: &Pollutant| bulletin.valid_days(*own) < total;
    let lacking: Vec<String> = Pollutant::ALL
        .into_iter()
        .filter(short)
        .map(|own| match lang {
            Lang::Zh => format!("{}缺{}天", own.label(), total - bulletin.valid_days(own)),
            Lang::En => format!("{} lacks {}", own.label(), total - bulletin.valid_days(own)),
        })
        .collect();
    if !lacking.is_empty() {
        parts.push(lacking.join(lang.pick("、", ", ")));
    }
    parts.extend(void_days(bulletin, lang));
    if let Some(reason) = &bulletin.side.now().pm25.void_reason {
        let reason = shortfall(reason, lang);
        parts.push(match lang {
            Lang::Zh => format!("PM2.5数据不完整（{reason}）"),
            Lang::En => format!("PM2.5 is not complete ({reason})"),
        });
    }
    stop(parts, lang)
}

/// The void days as runs, each with its reason where one holds for all of it.
fn void_days(bulletin: &Bulletin, lang: Lang) -> Option<String> {
    let void: Vec<&AreaDay> = bulletin.void_days().collect();
    let next = |a: &&AreaDay, b: &&AreaDay| a.day.succ_opt() == Some(b.day);
    let runs: Vec<&[&AreaDay]> = void.chunk_by(next).collect();
    if runs.is_empty() {
        return None;
    }
    let named = |run: &&[&AreaDay]| {
        let (first, last) = (run[0], run[run.len() - 1]);
        let days = Span {
            from: first.day,
            to: last.day,
        };
        let days = words::span(days, lang);
        let same = run.iter().all(|day| day.void_reason == first.void_reason);
        match (same, lang) {
            (false, _) => days,
            (true, Lang::Zh) => format!("{days}（{}）", why(first, lang)),
            (true, Lang::En) => format!("{days} ({})", why(first, lang)),
        }
    };
    let some: Vec<String> = runs.iter().take(VOID_RUNS_NAMED).map(named).collect();
    let some = some.join(lang.pick("、", ", "));
    let rest: usize = runs.iter().skip(VOID_RUNS_NAMED).map(|run| run.len()).sum();
    Some(match (lang, rest) {
        (Lang::Zh, 0) => format!("无效天：{some}"),
        (Lang::Zh, rest) => format!("无效天：{some}，另有{rest}天"),
        (Lang::En, 0) => format!("void: {some}"),
        (Lang::En, rest) => format!("void: {some}, and {rest} more"),
    })
}

/// Why a day is void; six reasons of six pollutants are one.
fn why(day: &AreaDay, lang: Lang) -> String {
    if day.values.values.iter().all(Option::is_none) && day.stations > 0 {
        return lang
            .pick("六项均无有效值", "no valid value of any pollutant")
            .to_owned();
    }
    void_day(&day.void_reason, lang)
}

fn comparability(bulletin: &Bulletin, lang: Lang) -> String {
    let side = &bulletin.side;
    let edition = &bulletin.edition.id;
    let Some(before) = &side.before else {
        return lang
            .pick(
                "上年同期没有有效数据，不作同比。",
                "The same days a year before have no valid data, so nothing is compared.",
            )
            .to_owned();
    };
    let both = match lang {
        Lang::Zh => format!("两期均按版本{edition}计算"),
        Lang::En => format!("both sides under edition {edition}"),
    };
    let mut parts = vec![both];
    let reason = |whose: &str, reason: &Option<String>| {
        let reason = shortfall(reason.as_ref()?, lang);
        Some(format!("{whose}{reason}"))
    };
    let now = reason(lang.pick("本期", "now "), &side.now().pm25.void_reason);
    let then = reason(lang.pick("上年同期", "then "), &before.pm25.void_reason);
    let short: Vec<String> = now.into_iter().chain(then).collect();
    let void = before.days.void();
    if void > 0 {
        parts.push(match lang {
            Lang::Zh => format!("上年同期无效{void}天"),
            Lang::En => format!("{} void a year before", words::days(i64::from(void), lang)),
        });
    }
    if short.is_empty() {
        parts.push(lang.pick("可比", "comparable").to_owned());
    } else {
        parts.extend(short);
        parts.push(
            lang.pick("数据不完整，仅供参考", "not complete, to be read with care")
                .to_owned(),
        );
    }
    stop(parts, lang)
}

fn review(bulletin: &Bulletin, lang: Lang) -> String {
    let Some(seen) = bulletin.seen else {
        let raw = lang.pick("原始数据，未经审核。", "Raw readings, not reviewed.");
        return raw.to_owned();
    };
    let (of, reviewed) = (seen.of, seen.reviewed);
    match lang {
        Lang::Zh => {
            format!("审核后数据：本期{of}个小时值中{reviewed}个经人工审核，其余同原始数据。")
        }
        Lang::En => format!(
            "Readings as reviewed: a reviewer looked at {reviewed} of the period's {of} hourly values, the others are \
             as received."
        ),
    }
}

fn stations(bulletin: &Bulletin, lang: Lang) -> String {
    let covered = bulletin.covered;
    let named = |member: &Member| {
        let name = station_name(member, lang);
        if member.span == covered {
            return name;
        }
        let days = words::span(member.span, lang);
        match lang {
            Lang::Zh => format!("{name}（{days}）"),
            Lang::En => format!("{name} ({days})"),
        }
    };
    let members: Vec<String> = bulletin.place.members.iter().map(named).collect();
    let mut parts = vec![match (members.len(), lang) {
        (0, _) => lang.pick("没有站点", "no station").to_owned(),
        (count, Lang::Zh) => format!("{count}个：{}", members.join("、")),
        (count, Lang::En) => format!("{count}: {}", members.join(", ")),
    }];
    if let Some(document) = &bulletin.place.document {
        let document = language_side(document, lang);
        parts.push(match lang {
            Lang::Zh => format!("依据：{document}"),
            Lang::En => format!("by: {document}"),
        });
    }
    stop(parts, lang)
}

fn targets(bulletin: &Bulletin, lang: Lang) -> String {
    let year = bulletin.covered.to.year();
    let today = bulletin.zone.local(bulletin.generated_at).year();
    let own = |target: &&Target| target.year == year;
    let own: Vec<String> = bulletin
        .targets
        .iter()
        .filter(own)
        .map(|target| language_side(&target.document, lang))
        .collect();
    let mut parts = vec![match (own.is_empty(), lang) {
        (true, Lang::Zh) => format!("{year}年没有登记目标"),
        (true, Lang::En) => format!("none registered for {year}"),
        (false, _) => own.join(lang.pick("；", "; ")),
    }];
    let newest = bulletin.targets.iter().map(|target| target.year).max();
    if let Some(newest) = newest.filter(|newest| *newest < today) {
        parts.push(match lang {
            Lang::Zh => format!("已登记的最新目标为{newest}年，已过期，请登记{today}年目标"),
            Lang::En => format!(
                "the newest registered targets are those of {newest} and have expired; please register those of {today}"
            ),
        });
    }
    stop(parts, lang)
}

fn times(bulletin: &Bulletin, lang: Lang) -> String {
    let known = words::time(bulletin.zone, bulletin.known_at);
    let made = words::time(bulletin.zone, bulletin.generated_at);
    match lang {
        Lang::Zh => format!("数据截至{known}所知；生成于{made}。"),
        Lang::En => format!("As known at {known}; made at {made}."),
    }
}
