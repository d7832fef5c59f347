//! From figures to a sheet: title and notices here, the sections by kind in `period` and `daily`.

use crate::adapters::bulletin::daily;
use crate::adapters::bulletin::notes;
use crate::adapters::bulletin::period;
use crate::adapters::bulletin::sheet::Section;
use crate::adapters::bulletin::sheet::Sheet;
use crate::adapters::bulletin::words;
use crate::adapters::chart::palette::AqiLevel;
use crate::adapters::lang::Lang;
use crate::domain::calendar::PeriodKind;
use crate::flow::bulletin::Bulletin;

/// The numbers of sections in Chinese.
const NUMERALS: [&str; 10] = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十"];

/// The bulletin in words.
pub(super) fn sheet(bulletin: &Bulletin, lang: Lang) -> Sheet {
    let daily = bulletin.issue.kind == PeriodKind::Day;
    let mut sections = if daily {
        daily::sections(bulletin, lang)
    } else {
        period::sections(bulletin, lang)
    };
    number(&mut sections, lang);
    let place = words::name(&bulletin.place.names, lang);
    let kind = words::kind(bulletin.issue.kind, lang);
    let level = bulletin.days.first().and_then(|day| day.index.level());
    Sheet {
        lang,
        title: match lang {
            Lang::Zh => format!("{place}环境空气质量{kind}"),
            Lang::En => format!("{place}: ambient air quality, {kind}"),
        },
        subtitle: subtitle(bulletin, lang),
        watermark: bulletin
            .simulated
            .then(|| lang.pick("模拟数据", "SIMULATED")),
        notices: notices(bulletin, lang),
        level: level.filter(|_| daily).and_then(AqiLevel::from_number),
        sections,
        notes: notes::notes(bulletin, lang),
    }
}

fn number(sections: &mut [Section], lang: Lang) {
    for (at, section) in sections.iter_mut().enumerate() {
        section.heading = match lang {
            Lang::Zh => format!("{}、{}", NUMERALS[at], section.heading),
            Lang::En => format!("{}. {}", at + 1, section.heading),
        };
    }
}

fn subtitle(bulletin: &Bulletin, lang: Lang) -> String {
    let named = words::period(&bulletin.issue, lang);
    if bulletin.issue.kind == PeriodKind::Day {
        return named;
    }
    let days = words::span(bulletin.covered, lang);
    let count = words::days(i64::from(bulletin.covered.length()), lang);
    match lang {
        Lang::Zh => format!("{named}（{days}，共{count}）"),
        Lang::En => format!("{named} ({days}, {count})"),
    }
}

fn notices(bulletin: &Bulletin, lang: Lang) -> Vec<String> {
    let mut notices = Vec::new();
    if bulletin.simulated {
        notices.push(
            lang.pick(
                "【模拟数据】本期含模拟读数，不是实测结果，不得用于考核或发布。",
                "[SIMULATED] Generated readings take part; these are no measurements and must not be used \
                 for appraisal or publication.",
            )
            .to_owned(),
        );
    }
    if !bulletin.whole() {
        let last = words::date(bulletin.covered.to, lang);
        notices.push(match lang {
            Lang::Zh => format!("【未满期】本期尚未结束，数字截至{last}。"),
            Lang::En => format!("[NOT OVER] The period is not over; figures run to {last}."),
        });
    }
    notices
}
