//! The words of the pages, a file a language. A phrase missing in one of them does not compile.

mod en;
mod zh;

use crate::adapters::lang::Lang;

/// The phrases of a language.
pub(crate) const fn phrases(lang: Lang) -> &'static Phrases {
    match lang {
        Lang::Zh => &zh::PHRASES,
        Lang::En => &en::PHRASES,
    }
}

/// A template with its `{name}` places filled.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

/// Every phrase. A word in braces is a place to fill.
pub(crate) struct Phrases {
    pub(crate) product: &'static str,
    pub(crate) tagline: &'static str,
    pub(crate) skip: &'static str,
    pub(crate) sections: &'static str,
    pub(crate) language: &'static str,
    pub(crate) other_language: &'static str,
    pub(crate) area: &'static str,
    pub(crate) year: &'static str,
    pub(crate) show: &'static str,
    pub(crate) simulated: &'static str,
    pub(crate) simulated_note: &'static str,
    pub(crate) example: &'static str,
    pub(crate) example_note: &'static str,
    pub(crate) default_note: &'static str,
    pub(crate) through: &'static str,
    pub(crate) no_data_yet: &'static str,
    pub(crate) edition: &'static str,
    pub(crate) zone: &'static str,
    pub(crate) values: &'static str,
    pub(crate) raw: &'static str,
    pub(crate) reviewed: &'static str,
    pub(crate) known_at: &'static str,
    pub(crate) pm25_title: &'static str,
    pub(crate) ratio_title: &'static str,
    pub(crate) day_title: &'static str,
    pub(crate) calendar_title: &'static str,
    pub(crate) months_title: &'static str,
    pub(crate) days_title: &'static str,
    pub(crate) trend_title: &'static str,
    pub(crate) stations_title: &'static str,
    pub(crate) bulletins: &'static str,
    /// Of a day, ten days, a month, a quarter, half a year, a year.
    pub(crate) bulletin_kinds: [&'static str; 6],
    pub(crate) published_title: &'static str,
    pub(crate) tiers_title: &'static str,
    pub(crate) enterprises_title: &'static str,
    pub(crate) valid_of: &'static str,
    pub(crate) yoy: &'static str,
    pub(crate) yoy_none: &'static str,
    pub(crate) met: &'static str,
    pub(crate) not_met: &'static str,
    pub(crate) met_unknown: &'static str,
    pub(crate) met_expired: &'static str,
    pub(crate) class_limit: &'static str,
    pub(crate) target: &'static str,
    pub(crate) target_expired: &'static str,
    pub(crate) target_source: &'static str,
    pub(crate) no_target: &'static str,
    pub(crate) void: &'static str,
    pub(crate) bounds: &'static str,
    pub(crate) day_counts: &'static str,
    pub(crate) primary: &'static str,
    pub(crate) primary_none: &'static str,
    pub(crate) calendar_summary: &'static str,
    pub(crate) trend_summary: &'static str,
    pub(crate) progress_summary: &'static str,
    pub(crate) tiers_summary: &'static str,
    pub(crate) as_table: &'static str,
    pub(crate) col_day: &'static str,
    pub(crate) col_month: &'static str,
    pub(crate) col_level: &'static str,
    pub(crate) col_valid_days: &'static str,
    pub(crate) col_station: &'static str,
    pub(crate) col_class: &'static str,
    pub(crate) col_last_time: &'static str,
    pub(crate) col_pm25_latest: &'static str,
    pub(crate) col_day_aqi: &'static str,
    pub(crate) col_period: &'static str,
    pub(crate) col_item: &'static str,
    pub(crate) col_published: &'static str,
    pub(crate) col_published_yoy: &'static str,
    pub(crate) col_ours: &'static str,
    pub(crate) col_matches: &'static str,
    pub(crate) col_source: &'static str,
    pub(crate) col_enterprise: &'static str,
    pub(crate) col_official: &'static str,
    pub(crate) col_computed: &'static str,
    pub(crate) col_score: &'static str,
    pub(crate) col_next: &'static str,
    pub(crate) col_count: &'static str,
    pub(crate) col_code: &'static str,
    pub(crate) col_points: &'static str,
    pub(crate) col_start: &'static str,
    pub(crate) col_end: &'static str,
    pub(crate) col_confidence: &'static str,
    pub(crate) col_record: &'static str,
    pub(crate) matches: &'static str,
    pub(crate) differs: &'static str,
    pub(crate) ours_missing: &'static str,
    pub(crate) item_pm25: &'static str,
    pub(crate) item_ratio: &'static str,
    pub(crate) item_good_days: &'static str,
    pub(crate) item_heavy_days: &'static str,
    pub(crate) item_pm10: &'static str,
    pub(crate) item_o3: &'static str,
    pub(crate) item_composite: &'static str,
    pub(crate) class_national: &'static str,
    pub(crate) class_provincial: &'static str,
    pub(crate) class_town: &'static str,
    pub(crate) class_micro: &'static str,
    pub(crate) official_none: &'static str,
    pub(crate) official_as_of: &'static str,
    pub(crate) computed_note: &'static str,
    pub(crate) official_note: &'static str,
    pub(crate) tiers_on: &'static str,
    pub(crate) next_change: &'static str,
    pub(crate) next_none: &'static str,
    pub(crate) next_page: &'static str,
    pub(crate) first_page: &'static str,
    pub(crate) empty_air: &'static str,
    pub(crate) empty_send: &'static str,
    pub(crate) empty_stations: &'static str,
    pub(crate) empty_published: &'static str,
    pub(crate) empty_enterprises: &'static str,
    pub(crate) empty_reasons: &'static str,
    pub(crate) back: &'static str,
    pub(crate) reasons_title: &'static str,
    pub(crate) computed_title: &'static str,
    pub(crate) official_title: &'static str,
    pub(crate) score_text: &'static str,
    pub(crate) agree: &'static str,
    pub(crate) disagree: &'static str,
    pub(crate) still_open: &'static str,
    pub(crate) sealed: &'static str,
    pub(crate) industry: &'static str,
    pub(crate) town: &'static str,
    pub(crate) uscc: &'static str,
    pub(crate) rulebook: &'static str,
    pub(crate) footer: &'static str,
    pub(crate) silent_one: &'static str,
    pub(crate) silent_some: &'static str,
    pub(crate) silent_last: &'static str,
    pub(crate) silent_more: &'static str,
    pub(crate) places: &'static str,
    pub(crate) place_today: &'static str,
    pub(crate) place_year: &'static str,
    pub(crate) today_title: &'static str,
    pub(crate) now_title: &'static str,
    pub(crate) now_hour: &'static str,
    pub(crate) age_minutes: &'static str,
    pub(crate) age_hours: &'static str,
    pub(crate) age_days: &'static str,
    pub(crate) age_ahead: &'static str,
    pub(crate) stale: &'static str,
    pub(crate) reporting: &'static str,
    pub(crate) col_pollutant: &'static str,
    pub(crate) col_hour: &'static str,
    pub(crate) col_iaqi: &'static str,
    pub(crate) so_far_title: &'static str,
    pub(crate) counts_title: &'static str,
    pub(crate) month_title: &'static str,
    pub(crate) month_span: &'static str,
    pub(crate) good_of_valid: &'static str,
    pub(crate) rank_title: &'static str,
    pub(crate) rank_place: &'static str,
    pub(crate) rank_tied: &'static str,
    pub(crate) call_title: &'static str,
    pub(crate) call_none: &'static str,
    pub(crate) col_why: &'static str,
    pub(crate) why_silent: &'static str,
    pub(crate) why_missing: &'static str,
    pub(crate) why_bad: &'static str,
    pub(crate) report_title: &'static str,
    pub(crate) report_issued: &'static str,
    pub(crate) report_due: &'static str,
    pub(crate) report_overdue: &'static str,
    pub(crate) report_no_data: &'static str,
    pub(crate) report_open: &'static str,
    pub(crate) tier_changes_title: &'static str,
    pub(crate) tier_changes_note: &'static str,
    pub(crate) tier_changes_none: &'static str,
    pub(crate) tier_changes_many: &'static str,
    pub(crate) change_from_to: &'static str,
    pub(crate) change_within: &'static str,
    pub(crate) first_title: &'static str,
    pub(crate) first_register: &'static str,
    pub(crate) first_register_how: &'static str,
    pub(crate) first_send: &'static str,
    pub(crate) first_send_how: &'static str,
    pub(crate) first_see: &'static str,
    pub(crate) first_see_how: &'static str,
    pub(crate) first_waiting: &'static str,
    pub(crate) first_done: &'static str,
    pub(crate) live_on: &'static str,
    pub(crate) live_off: &'static str,
    pub(crate) ratio_short: &'static str,
}

#[cfg(test)]
mod tests {
    use super::fill;
    use super::phrases;
    use crate::adapters::lang::Lang;

    #[test]
    fn places_are_filled_by_name_and_unknown_ones_stay() {
        assert_eq!(
            fill("{a} of {b}, {c}", &[("b", "2"), ("a", "1")]),
            "1 of 2, {c}"
        );
    }

    #[test]
    fn templates_of_both_languages_have_the_same_places() {
        let (zh, en) = (phrases(Lang::Zh), phrases(Lang::En));
        let pairs = [
            (zh.valid_of, en.valid_of),
            (zh.through, en.through),
            (zh.bounds, en.bounds),
            (zh.day_counts, en.day_counts),
            (zh.target, en.target),
            (zh.target_source, en.target_source),
            (zh.next_change, en.next_change),
            (zh.official_as_of, en.official_as_of),
            (zh.tiers_on, en.tiers_on),
            (zh.calendar_summary, en.calendar_summary),
            (zh.trend_summary, en.trend_summary),
            (zh.progress_summary, en.progress_summary),
            (zh.tiers_summary, en.tiers_summary),
            (zh.silent_some, en.silent_some),
            (zh.silent_last, en.silent_last),
            (zh.silent_more, en.silent_more),
            (zh.now_hour, en.now_hour),
            (zh.age_minutes, en.age_minutes),
            (zh.age_hours, en.age_hours),
            (zh.age_days, en.age_days),
            (zh.stale, en.stale),
            (zh.reporting, en.reporting),
            (zh.month_span, en.month_span),
            (zh.good_of_valid, en.good_of_valid),
            (zh.rank_place, en.rank_place),
            (zh.rank_tied, en.rank_tied),
            (zh.why_silent, en.why_silent),
            (zh.why_missing, en.why_missing),
            (zh.why_bad, en.why_bad),
            (zh.report_issued, en.report_issued),
            (zh.report_due, en.report_due),
            (zh.report_overdue, en.report_overdue),
            (zh.tier_changes_note, en.tier_changes_note),
            (zh.tier_changes_many, en.tier_changes_many),
            (zh.change_from_to, en.change_from_to),
            (zh.first_waiting, en.first_waiting),
        ];
        for (zh, en) in pairs {
            assert_eq!(places(zh), places(en), "{zh} / {en}");
        }
    }

    fn places(template: &str) -> Vec<&str> {
        let mut names: Vec<&str> = template
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .collect();
        names.sort_unstable();
        names
    }
}
