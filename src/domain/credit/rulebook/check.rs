//! Contradictions in a rulebook, each told with the key to mend.

use crate::domain::credit::Code;
use crate::domain::credit::Tier;
use crate::domain::credit::rulebook::BonusEffect;
use crate::domain::credit::rulebook::BonusRow;
use crate::domain::credit::rulebook::CleanStep;
use crate::domain::credit::rulebook::Figure;
use crate::domain::credit::rulebook::RulebookFault;
use crate::domain::credit::rulebook::RulebookParts;
use crate::domain::credit::rulebook::consequence::ITEMS;
use std::collections::BTreeSet;

pub(super) fn check_bands(
    bands: &[(Tier, Figure<i32>)],
    scale_max: i32,
    faults: &mut Vec<RulebookFault>,
) {
    let colours: Vec<Tier> = bands.iter().map(|(tier, _)| *tier).collect();
    if colours != [Tier::Green, Tier::Blue, Tier::Yellow, Tier::Red] {
        let what = "give green, blue, yellow and red once each, in this order".to_owned();
        faults.push(RulebookFault {
            key: "band".to_owned(),
            what,
        });
    }
    if !bands
        .windows(2)
        .all(|pair| pair[0].1.value > pair[1].1.value)
    {
        let what = "each colour must begin below the one before it".to_owned();
        faults.push(RulebookFault {
            key: "band".to_owned(),
            what,
        });
    }
    if bands
        .first()
        .is_some_and(|(_, least)| least.value > scale_max)
    {
        let what = "the best colour begins above scale.max".to_owned();
        faults.push(RulebookFault {
            key: "band".to_owned(),
            what,
        });
    }
}

pub(super) fn check_initial(parts: &RulebookParts, faults: &mut Vec<RulebookFault>) {
    if parts.initial.value > parts.scale_max.value {
        let what = format!("{} is above scale.max", parts.initial.value);
        faults.push(RulebookFault {
            key: "scale.initial".to_owned(),
            what,
        });
    }
}

pub(super) fn check_codes(parts: &RulebookParts, faults: &mut Vec<RulebookFault>) {
    let deductions = parts
        .deductions
        .iter()
        .map(|row| ("deduction", &row.code, 'D'));
    let bonuses = parts.bonuses.iter().map(|row| ("bonus", &row.code, 'B'));
    let vetoes = parts.vetoes.iter().map(|row| ("veto", &row.code, 'V'));
    let special = [
        ("override", &parts.manual.code, 'V'),
        ("halted", &parts.halted.code, 'N'),
    ];
    let mut seen = BTreeSet::new();
    for (table, code, letter) in deductions.chain(bonuses).chain(vetoes).chain(special) {
        let key = format!("{table}.{code}");
        if !code.as_str().starts_with(letter) {
            let what = format!("codes of this table begin with {letter}");
            faults.push(RulebookFault {
                key: key.clone(),
                what,
            });
        }
        if !seen.insert(code) {
            faults.push(RulebookFault {
                key,
                what: "the code is given twice".to_owned(),
            });
        }
    }
    let known = |code: &Code| parts.deductions.iter().any(|row| row.code == *code);
    let absorbed = parts
        .absorbed
        .iter()
        .map(|code| ("stacking.absorbed".to_owned(), code));
    let included = parts.deductions.iter().flat_map(|row| {
        row.includes
            .iter()
            .map(move |code| (format!("deduction.{}.includes", row.code), code))
    });
    let followed = parts.vetoes.iter().flat_map(|row| {
        row.follows
            .iter()
            .map(move |code| (format!("veto.{}.follows", row.code), code))
    });
    for (key, code) in absorbed.chain(included).chain(followed) {
        if !known(code) {
            let what = format!("{code} is no deduction of this rulebook");
            faults.push(RulebookFault { key, what });
        }
    }
}

pub(super) fn check_points(parts: &RulebookParts, faults: &mut Vec<RulebookFault>) {
    let (least, most) = (parts.record_min.value, parts.record_max.value);
    for row in &parts.deductions {
        if !(least..=most).contains(&row.points.value) {
            let key = format!("deduction.{}.points", row.code);
            let what = format!("{} is outside {least} to {most}", row.points.value);
            faults.push(RulebookFault { key, what });
        }
    }
    for row in &parts.bonuses {
        check_bonus(parts, row, faults);
    }
    let deductions = parts
        .deductions
        .iter()
        .map(|row| ("deduction", &row.code, &row.term));
    let bonuses = parts
        .bonuses
        .iter()
        .map(|row| ("bonus", &row.code, &row.term));
    for (table, code, term) in deductions.chain(bonuses) {
        if term.months == 0 || term.days == 0 {
            let what = "must last at least one month and one day".to_owned();
            faults.push(RulebookFault {
                key: format!("{table}.{code}.term"),
                what,
            });
        }
    }
    if parts.case_cap.value < most {
        let what = format!(
            "{} is below what one record may take, {most}",
            parts.case_cap.value
        );
        faults.push(RulebookFault {
            key: "stacking.case_cap".to_owned(),
            what,
        });
    }
}

/// Points of a bonus within the scale; steps of clean months that rise, under a commitment that exists.
fn check_bonus(parts: &RulebookParts, row: &BonusRow, faults: &mut Vec<RulebookFault>) {
    let key = format!("bonus.{}", row.code);
    let mut fault = |what: String| {
        faults.push(RulebookFault {
            key: key.clone(),
            what,
        });
    };
    let most = parts.scale_max.value;
    let figures = match &row.effect {
        BonusEffect::Points(figure) | BonusEffect::Floor(figure) => vec![figure],
        BonusEffect::Clean { steps, .. } => steps.iter().map(|step| &step.points).collect(),
        BonusEffect::Commitment(_) => Vec::new(),
    };
    for figure in figures {
        if !(1..=most).contains(&figure.value) {
            fault(format!("{} is outside 1 to {most}", figure.value));
        }
    }
    if let BonusEffect::Clean { commitment, steps } = &row.effect {
        let is_commitment = |row: &BonusRow| matches!(row.effect, BonusEffect::Commitment(_));
        let found = parts.bonuses.iter().find(|row| row.code == *commitment);
        if !found.is_some_and(is_commitment) {
            fault(format!("{commitment} is no commitment of this rulebook"));
        }
        let rises = |pair: &[CleanStep]| pair[0].months < pair[1].months;
        let begins = steps.first().is_some_and(|step| step.months > 0);
        if !begins || !steps.windows(2).all(rises) {
            fault("give at least one step, each after more months than the one before".to_owned());
        }
    }
}

/// One policy a colour, and rates that do not fall from red to black.
pub(super) fn check_policies(parts: &RulebookParts, faults: &mut Vec<RulebookFault>) {
    let tiers: Vec<Tier> = parts.policies.iter().map(|policy| policy.tier).collect();
    if tiers != Tier::ALL[..5] {
        faults.push(RulebookFault {
            key: "policy".to_owned(),
            what: "give green, blue, yellow, red and black once each, in this order".to_owned(),
        });
    }
    for (at, tariff) in parts.tariffs.iter().enumerate() {
        let item = tariff.item.as_str();
        let what = if !ITEMS.contains(&item) {
            let known = ITEMS.join(" or ");
            Some(format!("item {item:?} is unknown; write {known}"))
        } else if parts.tariffs[..at].iter().any(|before| before.item == item) {
            Some(format!("item {item:?} is given twice; give it once"))
        } else {
            None
        };
        faults.extend(what.map(|what| RulebookFault {
            key: "tariff".to_owned(),
            what,
        }));
        let (red, repeated, black) = (tariff.red, tariff.red_repeated, tariff.black);
        if red.is_negative() || repeated < red || black < repeated {
            let what = format!(
                "{}: rates run from 0 upwards, red, then red_repeated, then black",
                tariff.item
            );
            faults.push(RulebookFault {
                key: "tariff".to_owned(),
                what,
            });
        }
    }
}
