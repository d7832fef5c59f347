//! Names of enterprises as people look for them: the same name written in another width, with other brackets, blanks or
//! letters is the same name. What is kept and shown stays as it was written.

use unicode_normalization::UnicodeNormalization;

use crate::domain::names::is_unseen;

/// Brackets that stand for round ones, opening and closing; full-width ones are made narrow before.
const BRACKETS: [(char, char); 12] = [
    ('〔', '('),
    ('〕', ')'),
    ('【', '('),
    ('】', ')'),
    ('〖', '('),
    ('〗', ')'),
    ('[', '('),
    (']', ')'),
    ('{', '('),
    ('}', ')'),
    ('⟨', '('),
    ('⟩', ')'),
];

/// Marks between the parts of a name, which are written in many ways.
const MIDDLE_DOTS: [char; 5] = ['·', '•', '・', '‧', '∙'];

/// A name in the one form in which names are compared: compatible forms made one (NFKC), small letters, round brackets, one kind
/// of middle dot, no blanks.
#[must_use]
pub fn folded(text: &str) -> String {
    let plain = |c: char| {
        let bracket = BRACKETS.iter().find(|(own, _)| *own == c);
        let c = bracket.map_or(c, |(_, round)| *round);
        if MIDDLE_DOTS.contains(&c) { '·' } else { c }
    };
    let seen = |c: &char| !c.is_whitespace() && !is_unseen(*c);
    text.nfkc()
        .map(plain)
        .filter(seen)
        .flat_map(char::to_lowercase)
        .collect()
}

/// A code as it was meant: in the narrow letters and digits of ASCII where it was written in wide ones, without blanks.
#[must_use]
pub fn narrow(text: &str) -> String {
    let seen = |c: &char| !c.is_whitespace() && !is_unseen(*c);
    text.nfkc().filter(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_name_written_in_many_ways_is_one_name() {
        for (written, expected) in [
            ("江阴（示例）热电有限公司", "江阴(示例)热电有限公司"),
            ("江阴(示例)热电有限公司", "江阴(示例)热电有限公司"),
            ("江阴〔示例〕热电有限公司", "江阴(示例)热电有限公司"),
            ("江阴【示例】热电有限公司", "江阴(示例)热电有限公司"),
            ("江阴［示例］热电有限公司", "江阴(示例)热电有限公司"),
            (
                " 江阴 （示例）\u{3000}热电有限公司\u{200b}",
                "江阴(示例)热电有限公司",
            ),
            ("ＡＢＣ　Ｐｏｗｅｒ　２号", "abcpower2号"),
            ("Ⅱ期", "ii期"),
            ("阿·布", "阿·布"),
            ("阿・布", "阿·布"),
            ("㈱Steel", "(株)steel"),
            ("", ""),
        ] {
            assert_eq!(folded(written), expected, "{written}");
        }
    }

    proptest! {
        /// Folding a second time changes nothing, and blanks never matter.
        #[test]
        fn folding_is_done_once(text in "[江阴（）()〔〕A-Za-zＡ-Ｚ0-9０-９ \u{3000}]{0,20}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once.clone());
            let spaced: String = text.chars().flat_map(|c| [c, ' ']).collect();
            prop_assert_eq!(folded(&spaced), once);
        }
    }
}
