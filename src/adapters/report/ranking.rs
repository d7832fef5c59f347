//! Ranks among areas as JSON and a table.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::adapters::lang::Lang;
use crate::adapters::report::Context;
use crate::adapters::report::beside::applied;
use crate::adapters::report::number;
use crate::adapters::report::table::table;
use crate::adapters::words;
use crate::domain::ranking::Ranked;
use crate::domain::reading::Review;
use crate::domain::units::AMOUNT_DECIMALS;
use crate::flow::ranking::ItemRanking;
use crate::flow::ranking::Places;
use crate::flow::ranking::PlacesBeside;
use crate::flow::ranking::RankQuestion;
use crate::flow::ranking::Ranking;

fn entry(entry: &Ranked) -> Value {
    let area = &entry.area;
    json!({
        "rank": entry.rank,
        "tied": entry.tied,
        "division_code": area.division_code,
        "name_zh": area.names.zh,
        "name_en": area.names.en,
        "value": number(area.value.round(AMOUNT_DECIMALS)),
        "own": area.is_own(),
        "source": area.source,
    })
}

fn item(ranking: &ItemRanking) -> Value {
    let own = ranking.own_place();
    let better = if ranking.item.lower_is_better() {
        "lower"
    } else {
        "higher"
    };
    json!({
        "item": ranking.item.key(),
        "better": better,
        "value": ranking.own.map(number),
        "rank": own.map(|own| own.rank),
        "tied": own.map(|own| own.tied),
        "of": ranking.entries.len(),
        "void_reason": ranking.gap.as_ref().map(ToString::to_string),
        "entries": ranking.entries.iter().map(entry).collect::<Vec<_>>(),
    })
}

fn places(places: &Places) -> Map<String, Value> {
    let change = places.change.as_ref().map(item);
    let both = [
        ("level", item(&places.level)),
        ("change", change.unwrap_or(Value::Null)),
    ];
    both.map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect()
}

fn excluded(beside: &PlacesBeside, deducted: bool) -> Value {
    json!({
        "main_figures": if deducted { "with" } else { "without" },
        "entries": beside.entries.iter().map(applied).collect::<Vec<_>>(),
        "without": places(&beside.before),
        "with": places(&beside.after),
    })
}

/// A ranking as JSON.
pub fn ranking_json(context: Context<'_>, question: &RankQuestion, ranking: &Ranking) -> Value {
    let span = question.period.span;
    let beside = ranking.excluded.as_deref();
    let mut shape = json!({
        "area": context.area.id(),
        "period": question.period.label,
        "from": span.from.to_string(),
        "to": span.to.to_string(),
        "edition": ranking.edition,
        "review": context.review.key(),
        "known_at": context.zone.text(context.known_at),
        "simulated": context.simulated,
        "exclusions": if ranking.deducted { "with" } else { "without" },
        "excluded": beside.map(|beside| excluded(beside, ranking.deducted)),
    });
    if let Some(shape) = shape.as_object_mut() {
        shape.extend(places(&ranking.main));
    }
    shape
}

fn item_table(ranking: &ItemRanking, lang: Lang) -> String {
    let header = [
        lang.pick("名次", "rank"),
        lang.pick("并列", "tied"),
        lang.pick("区划代码", "division"),
        lang.pick("地区", "area"),
        ranking.item.key(),
        lang.pick("来源", "source"),
    ];
    let yes = |yes: bool| if yes { lang.pick("是", "yes") } else { "" }.to_owned();
    let row = |own: &Ranked| {
        let area = &own.area;
        let here = lang.pick("本系统", "this system");
        vec![
            own.rank.to_string(),
            yes(own.tied),
            area.division_code.clone().unwrap_or_default(),
            lang.pick(&area.names.zh, &area.names.en).to_owned(),
            area.value.round(AMOUNT_DECIMALS).trimmed(),
            area.source.clone().unwrap_or_else(|| here.to_owned()),
        ]
    };
    let mut text = table(&header, ranking.entries.iter().map(row).collect());
    if let Some(gap) = &ranking.gap {
        let reason = words::rank_gap(gap, lang);
        text.push_str(&match lang {
            Lang::Zh => format!("本地区无名次：{reason}\n"),
            Lang::En => format!("no rank of the area: {reason}\n"),
        });
    }
    text
}

/// A ranking as aligned tables: by the item, then by its change; the other side of the exclusions below.
pub fn ranking_table(context: Context<'_>, ranking: &Ranking, lang: Lang) -> String {
    let tables = |places: &Places| {
        let tables = [Some(&places.level), places.change.as_ref()];
        let tables: Vec<String> = tables
            .into_iter()
            .flatten()
            .map(|own| item_table(own, lang))
            .collect();
        tables.join("\n")
    };
    let mut text = tables(&ranking.main);
    if context.review == Review::Reviewed {
        text.push_str(lang.pick("\n按审核后的数值\n", "\nby values as reviewed\n"));
    }
    let Some(beside) = &ranking.excluded else {
        return text;
    };
    let (above, below) = words::sides(ranking.deducted, lang);
    let other = if ranking.deducted {
        &beside.before
    } else {
        &beside.after
    };
    text.push_str(&format!("\n{above}\n"));
    for entry in &beside.entries {
        text.push_str(&format!(
            "  {}\n",
            words::exclusion(&entry.exclusion, &entry.days, lang)
        ));
    }
    text.push_str(&format!("{below}\n\n{}", tables(other)));
    text
}
