//! The characters of one page, cut out of the embedded typeface, so that a page prints alike on a machine without any
//! Chinese font and needs no other file.

use std::collections::BTreeSet;

use allsorts::Font;
use allsorts::binary::read::ReadScope;
use allsorts::font::MatchingPresentation;
use allsorts::font_data::FontData;
use allsorts::subset::CmapTarget;
use allsorts::subset::SubsetProfile;
use allsorts::subset::subset;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::adapters::chart::font::HAN_TTF;
use crate::adapters::chart::standing;

/// The family a page calls it by.
pub(super) const FAMILY: &str = "Skytier Han";

/// The style rule that holds the characters of the text.
///
/// # Panics
/// Only when the embedded typeface is broken, which a test would show.
pub(super) fn rule(text: &str) -> String {
    let cut = STANDARD.encode(cut(&text.chars().collect()));
    format!(
        "@font-face{{font-family:\"{FAMILY}\";src:url(data:font/ttf;base64,{cut})format(\"truetype\")}}"
    )
}

/// A picture that carries the characters of its words, as it must where a page's typefaces do not reach: in an `img`, and
/// once it is kept as a file.
pub fn carried(svg: &str) -> String {
    let texts = svg.split("<text").skip(1);
    let texts = texts.filter_map(|rest| rest.split("</text>").next());
    let words: String = texts.collect();
    let rule = rule(&words);
    standing(
        svg,
        &format!("{rule}svg{{font-family:\"{FAMILY}\",sans-serif}}"),
    )
}

/// A TrueType file with these characters, as far as the embedded typeface has them.
///
/// # Panics
/// A typeface that cannot be read.
pub fn cut(characters: &BTreeSet<char>) -> Vec<u8> {
    let data = ReadScope::new(HAN_TTF).read::<FontData<'_>>();
    let data = data.expect("the embedded typeface is a font");
    let tables = data.table_provider(0).expect("its tables can be read");
    let mut font = Font::new(tables).expect("it has the tables a font needs");
    let glyph = |c: &char| {
        font.lookup_glyph_index(*c, MatchingPresentation::NotRequired, None)
            .0
    };
    // Glyph 0 stands for whatever is missing and must come first.
    let glyphs: BTreeSet<u16> = characters.iter().map(glyph).chain([0]).collect();
    let glyphs: Vec<u16> = glyphs.into_iter().collect();
    let cut = subset(
        &font.font_table_provider,
        &glyphs,
        &SubsetProfile::Minimal,
        CmapTarget::Unicode,
    );
    cut.expect("glyphs of the font itself can be cut out")
}
