//! The embedded typeface: how wide a text is, and which of its characters cannot be drawn.
//!
//! Without it the width of Chinese would be guessed from bytes. The same bytes are served to pages as the last
//! fallback of machines without a Chinese font.

use std::sync::LazyLock;

use ab_glyph::Font;
use ab_glyph::FontRef;
use plotters::style::FontStyle;
use plotters::style::register_font;

/// The typeface as a TrueType file.
pub const HAN_TTF: &[u8] = include_bytes!("font/han.ttf");

/// The family name charts are drawn with; a page may put its own families before it.
pub(super) const FAMILY: &str = "sans-serif";

static HAN: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    let font = FontRef::try_from_slice(HAN_TTF).expect("the embedded font is a TrueType file");
    assert!(
        register_font(FAMILY, FontStyle::Normal, HAN_TTF).is_ok(),
        "the drawing library takes the font that was just read"
    );
    font
});

/// Makes the drawing library measure with the embedded font. Any number of times.
pub(super) fn ready() {
    LazyLock::force(&HAN);
}

/// The width of a text set at `size_px`, in pixels.
pub(super) fn width_px(text: &str, size_px: i32) -> f32 {
    let units: f32 = text
        .chars()
        .map(|c| HAN.h_advance_unscaled(HAN.glyph_id(c)))
        .sum();
    let em = HAN.units_per_em().unwrap_or(1000.0);
    units / em * size_px as f32
}

/// Room to leave for a text of that width, as a viewer may set it in a wider typeface of its own.
pub(super) fn room_px(text: &str, size_px: i32) -> i32 {
    (width_px(text, size_px) * 1.14).ceil() as i32
}

/// Whether the embedded font can draw a character.
pub(super) fn has(c: char) -> bool {
    HAN.glyph_id(c).0 != 0
}

/// The characters of a text that the embedded font cannot draw, each once, in order of appearance.
pub fn missing_glyphs(text: &str) -> Vec<char> {
    let mut missing = Vec::new();
    for c in text.chars() {
        let drawn = c.is_control() || has(c);
        if !drawn && !missing.contains(&c) {
            missing.push(c);
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::HAN_TTF;
    use super::missing_glyphs;
    use super::width_px;

    #[test]
    fn names_and_words_of_the_product_are_covered() {
        let texts = [
            "优良 轻度污染 中度污染 重度污染 严重污染 绿蓝黄红黑 未评级",
            "虹桥邮政 五星公园 第二实验小学",
            "璜土镇 利港街道 月城镇 青阳镇 徐霞客镇 峭岐 华士镇 周庄镇 新桥镇 长泾镇 顾山镇 祝塘镇",
            "澄江街道 南闸街道 云亭街道 夏港街道 申港街道 临港街道 城东街道",
            "PM2.5 µg/m³ ≤ ≥ – — “”「」《》，。、；：？！％ → ✓ ×",
        ];
        for text in texts {
            assert_eq!(missing_glyphs(text), Vec::<char>::new(), "{text}");
        }
    }

    #[test]
    fn a_character_outside_is_told_once() {
        assert_eq!(missing_glyphs("甲\u{E000}乙\u{E000}"), vec!['\u{E000}']);
    }

    #[test]
    fn a_chinese_character_is_one_em_wide() {
        assert_eq!(width_px("天气", 10), 20.0);
        assert!(width_px("ii", 10) < 10.0);
    }

    #[test]
    fn the_font_stays_below_two_megabytes() {
        assert!(HAN_TTF.len() <= 2_000_000, "{}", HAN_TTF.len());
    }
}
