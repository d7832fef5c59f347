//! What a bulletin says of the area's places among others: rank and rank of the change, who shares it, and why there
//! is none.

use std::collections::BTreeSet;

use crate::adapters::bulletin::period::sentence;
use crate::adapters::bulletin::period::stop;
use crate::adapters::bulletin::words;
use crate::adapters::lang::Lang;
use crate::adapters::words::rank_gap;
use crate::adapters::words::rank_item;
use crate::adapters::words::side;
use crate::domain::ranking::Ranked;
use crate::domain::registry::peer::RankItem;
use crate::flow::bulletin::Bulletin;
use crate::flow::ranking::ItemRanking;
use crate::flow::ranking::RankGap;
use crate::flow::ranking::Ranking;

/// Areas with the same figure named one by one; of more, the rest is counted.
const TIED_NAMED: usize = 4;

/// The area's places by an item and by its change; nothing where [`unranked`] says it.
pub(super) fn said(bulletin: &Bulletin, item: RankItem, lang: Lang) -> Option<String> {
    let ranking = of(bulletin, item)?;
    if nobody_else(ranking).is_some() {
        return None;
    }
    let change = ranking.main.change.as_ref();
    let level = match &ranking.main.level.gap {
        Some(gap) => not_ranked(item, gap, lang),
        None => place(&ranking.main.level, rank_item(item, lang), lang),
    };
    let improvement = lang.pick("同比改善幅度", "improvement year on year");
    let change = change.and_then(|change| match &change.gap {
        None => Some(place(change, improvement, lang)),
        // One reason is enough where neither is ranked.
        Some(_) if ranking.main.level.gap.is_some() => None,
        Some(gap) => Some(not_ranked(change.item, gap, lang)),
    });
    let mut said: Vec<String> = std::iter::once(level).chain(change).collect();
    if lang == Lang::En {
        said[0] = capital(&said[0]);
    }
    Some(stop(said, lang))
}

/// With a capital at the beginning.
fn capital(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest).collect()
}

/// One line for the items no other area's figures are registered of, with what would help; or that a period which is
/// not over is not ranked.
pub(super) fn unranked(bulletin: &Bulletin, lang: Lang) -> Option<String> {
    if !bulletin.whole() {
        let said = lang.pick(
            "本期尚未结束，不列名次",
            "No ranks before the period is over",
        );
        return Some(sentence(&[said.to_owned()], lang));
    }
    let without = bulletin.ranks.iter().filter_map(nobody_else);
    let items: Vec<&str> = without.map(|item| rank_item(item, lang)).collect();
    let (period, edition) = (&bulletin.issue.period.label, &bulletin.edition.id);
    if items.is_empty() {
        return None;
    }
    Some(match lang {
        Lang::Zh => format!(
            "未登记其他地区{period}（版本{edition}）的{}，不列名次；可用skytier register导入peers表。",
            items.join("、")
        ),
        Lang::En => format!(
            "No ranks: no other area's {} of {period} under edition {edition} is registered (skytier register, table \
             peers).",
            items.join(", ")
        ),
    })
}

/// Where the other areas' figures come from; nothing when the area has no rank.
pub(super) fn sources(bulletin: &Bulletin, lang: Lang) -> Option<String> {
    let all = bulletin.ranks.iter();
    let all =
        all.flat_map(|ranking| std::iter::once(&ranking.main.level).chain(&ranking.main.change));
    let ranked = all.filter(|ranking| ranking.gap.is_none());
    let entries = ranked.flat_map(|ranking| &ranking.entries);
    let sources = entries.filter_map(|entry| entry.area.source.as_ref());
    let sources: BTreeSet<String> = sources.map(|source| side(source, lang)).collect();
    if sources.is_empty() {
        return None;
    }
    let sources: Vec<String> = sources.into_iter().collect();
    let sources = sources.join(lang.pick("、", ", "));
    Some(match lang {
        Lang::Zh => format!("其他地区数据来源：{sources}；数值相同并列，其后名次空缺。"),
        Lang::En => format!(
            "Other areas' figures from: {sources}; equal figures share a rank, the next is left out."
        ),
    })
}

fn of(bulletin: &Bulletin, item: RankItem) -> Option<&Ranking> {
    let mut ranks = bulletin.ranks.iter();
    ranks.find(|ranking| ranking.main.level.item == item)
}

/// The item, when nothing is registered that it or its change could be ranked with.
fn nobody_else(ranking: &Ranking) -> Option<RankItem> {
    let nothing = |ranking: &ItemRanking| matches!(&ranking.gap, Some(RankGap::NoPeers { others, .. }) if others.is_empty());
    let all = nothing(&ranking.main.level) && ranking.main.change.as_ref().is_none_or(nothing);
    all.then_some(ranking.main.level.item)
}

fn not_ranked(item: RankItem, gap: &RankGap, lang: Lang) -> String {
    let (item, gap) = (rank_item(item, lang), rank_gap(gap, lang));
    match lang {
        Lang::Zh => format!("{item}不列名次（{gap}）"),
        Lang::En => format!("no rank by {item} ({gap})"),
    }
}

fn place(ranking: &ItemRanking, by: &str, lang: Lang) -> String {
    let own = ranking.own_place().expect("a ranking without a gap has it");
    let (rank, of) = (own.rank, ranking.entries.len());
    let tied = tied(ranking, own, lang);
    match lang {
        Lang::Zh => format!("{by}在{of}个地区中排名第{rank}{tied}"),
        Lang::En => format!("rank {rank} of {of} by {by}{tied}"),
    }
}

/// Who shares the rank.
fn tied(ranking: &ItemRanking, own: &Ranked, lang: Lang) -> String {
    let same = |other: &&Ranked| other.rank == own.rank && !other.area.is_own();
    let others: Vec<&str> = ranking
        .entries
        .iter()
        .filter(same)
        .map(|other| words::name(&other.area.names, lang))
        .collect();
    let named = &others[..others.len().min(TIED_NAMED)];
    let rest = others.len() - named.len();
    match (lang, others.is_empty(), rest) {
        (_, true, _) => String::new(),
        (Lang::Zh, _, 0) => format!("（与{}并列）", named.join("、")),
        (Lang::Zh, ..) => format!("（与{}等{}个地区并列）", named.join("、"), others.len()),
        (Lang::En, _, 0) => format!(" (tied with {})", named.join(", ")),
        (Lang::En, ..) => format!(" (tied with {} and {rest} more)", named.join(", ")),
    }
}
