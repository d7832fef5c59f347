//! What the marks on a value mean: letters of HJ 212 and marks of the national platform, in one list.
//!
//! Only `N` lets a value enter means. Every other mark, known or not, keeps it out until a reviewer decides;
//! review may confirm a flagged value of a working instrument, back-filled ones included.

use crate::domain::names::Flag;

/// Where a mark comes from. The two systems share the letter B with different meanings; both keep a value out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// HJ 212, the transmission of data loggers.
    Hj212,
    /// The national platform of ambient stations.
    Platform,
}

impl System {
    /// The text used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Hj212 => "hj212",
            Self::Platform => "platform",
        }
    }
}

/// One mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// As sent.
    pub code: &'static str,
    /// Whose it is.
    pub system: System,
    /// Its meaning in Chinese.
    pub zh: &'static str,
    /// Its meaning in English.
    pub en: &'static str,
    /// How sure that meaning is: V several sources, S one source, U unverified.
    pub confidence: char,
}

const fn mark(
    code: &'static str,
    system: System,
    zh: &'static str,
    en: &'static str,
    confidence: char,
) -> Mark {
    Mark {
        code,
        system,
        zh,
        en,
        confidence,
    }
}

/// Every mark whose meaning is known.
pub const MARKS: [Mark; 22] = [
    mark("N", System::Hj212, "正常", "normal", 'U'),
    mark("F", System::Hj212, "停运", "stopped", 'U'),
    mark("M", System::Hj212, "维护", "maintenance", 'U'),
    mark("S", System::Hj212, "手工输入设定值", "set by hand", 'U'),
    mark("D", System::Hj212, "故障", "fault", 'U'),
    mark("C", System::Hj212, "校准", "calibration", 'U'),
    mark("T", System::Hj212, "超量程", "over range", 'U'),
    mark("B", System::Hj212, "通讯异常", "communication fault", 'U'),
    mark(
        "H",
        System::Platform,
        "有效数据不足",
        "too few valid data in the hour",
        'V',
    ),
    mark("BB", System::Platform, "连接不良", "bad connection", 'V'),
    mark(
        "B",
        System::Platform,
        "运行不良",
        "instrument malfunction",
        'V',
    ),
    mark(
        "W",
        System::Platform,
        "等待数据恢复",
        "waiting for data recovery",
        'V',
    ),
    mark("HSp", System::Platform, "超上限", "above upper limit", 'V'),
    mark("LSp", System::Platform, "超下限", "below lower limit", 'V'),
    mark("PS", System::Platform, "跨度检查", "span check", 'V'),
    mark("PZ", System::Platform, "零点检查", "zero check", 'V'),
    mark("AS", System::Platform, "精度检查", "precision check", 'V'),
    mark("CS", System::Platform, "跨度校准", "span calibration", 'V'),
    mark("CZ", System::Platform, "零点校准", "zero calibration", 'V'),
    mark(
        "RM",
        System::Platform,
        "审核为无效",
        "removed by review",
        'S',
    ),
    mark("Re", System::Platform, "回补", "back-filled", 'S'),
    mark(
        "Neg",
        System::Platform,
        "负值异常",
        "abnormal negative value",
        'S',
    ),
];

/// Whether a flag is of a form that the lists have: one of them, or a single letter or digit, as a later HJ 212 may add. That one
/// keeps its own value out; a longer word is no flag at all.
pub fn is_plausible(flag: &Flag) -> bool {
    flag.as_str().len() == 1 || !meanings(flag).is_empty()
}

/// What a flag may mean; nothing for one that is not known, which needs review.
pub fn meanings(flag: &Flag) -> Vec<Mark> {
    let own = MARKS.iter().filter(|mark| mark.code == flag.as_str());
    own.copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, normal: bool, expected: &[&str]) {
        let flag = Flag::new(code).expect("a flag");
        let found: Vec<&str> = meanings(&flag).iter().map(|mark| mark.en).collect();
        assert_eq!((flag.is_normal(), &*found), (normal, expected), "{code}");
    }

    #[test]
    fn a_word_is_no_flag() {
        for (code, expected) in [
            ("N", true),
            ("M", true),
            ("n", true),
            ("E", true),
            ("7", true),
            ("HSp", true),
            ("Re", true),
            ("BB", true),
            ("CT", false),
            ("hsp", false),
            ("hello", false),
            ("NN", false),
        ] {
            assert_eq!(
                is_plausible(&Flag::new(code).expect("a flag")),
                expected,
                "{code}"
            );
        }
    }

    #[test]
    fn only_the_normal_flag_lets_a_value_into_means() {
        check("N", true, &["normal"]);
        check("n", false, &[]);
        check("M", false, &["maintenance"]);
        check(
            "B",
            false,
            &["communication fault", "instrument malfunction"],
        );
        check("Re", false, &["back-filled"]);
        check("RM", false, &["removed by review"]);
        check("CT", false, &[]);
        for mark in MARKS {
            let flag = Flag::new(mark.code).expect("every code is a flag");
            assert_eq!(flag.is_normal(), mark.code == "N", "{}", mark.code);
        }
    }
}
