//! A certificate of one unit's tiers on one sheet of A4: what the province's list says, what we compute, told apart, and the
//! signed receipt as a QR code, which proves both without us.

use chrono::NaiveDate;
use maud::Markup;
use maud::html;
use qrcode::EcLevel;
use qrcode::QrCode;
use qrcode::types::Color;

use crate::adapters::chart::palette::CreditTier;
use crate::adapters::http::page::credit::computed_badge;
use crate::adapters::http::page::credit::example_chip;
use crate::adapters::http::page::credit::official;
use crate::adapters::http::page::credit::path;
use crate::adapters::http::page::frame::page;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::page::frame::spaced;
use crate::adapters::http::page::view::OfficialTier;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;

/// Modules of paper around the code, as its standard asks for.
const QUIET: usize = 4;

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateView {
    /// Language that comes first.
    pub lang: Lang,
    /// The unit's code.
    pub uscc: String,
    /// Its name in both languages; empty where nobody registered it.
    pub names: (String, String),
    /// Whether it is an invented example.
    pub example: bool,
    /// The day, to its end.
    pub on: NaiveDate,
    /// As of when it is known.
    pub known_at: String,
    /// What the province's list says.
    pub official: Option<OfficialTier>,
    /// What we compute.
    pub computed: CreditTier,
    /// The score; `None` when unrated.
    pub score: Option<i32>,
    /// The weakest mark it rests on.
    pub confidence: String,
    /// The rulebook and its digest.
    pub rulebook: (String, String),
    /// The receipt.
    pub receipt: String,
    /// The identifier of the look-up's record.
    pub record: String,
    /// The parameters that asked for it, without the language.
    pub asked: Vec<(&'static str, String)>,
}

/// The certificate, at `/enterprises/{uscc}/certificate`.
pub fn certificate(view: &CertificateView) -> Markup {
    let (lang, words) = (view.lang, phrases(view.lang));
    let title = lang.pick(
        "企业环保信用等级证明",
        "Certificate of environmental credit tiers",
    );
    let mut pairs: Vec<(&str, &str)> = vec![("lang", lang.other().key())];
    pairs.extend(
        view.asked
            .iter()
            .map(|(name, value)| (*name, value.as_str())),
    );
    let other = format!("{}/certificate?{}", path(&view.uscc), query(&pairs));
    let name = lang.pick(&view.names.0, &view.names.1);
    let body = html! {
        article.card.certificate {
            h1 { (title) (example_chip(view.example, lang)) }
            p.meta { (lang.pick("Certificate of environmental credit tiers", "企业环保信用等级证明")) }
            dl.facts {
                dt { (lang.pick("企业", "Enterprise")) } dd { strong { @if name.is_empty() { "–" } @else { (name) } } }
                dt { (words.uscc) } dd { code { (view.uscc) } }
                dt { (lang.pick("截至日期", "As of the end of")) } dd { (view.on) }
                dt { (words.known_at) } dd { (spaced(&view.known_at)) }
            }
            div.cards.two { (official_part(view)) (computed_part(view)) }
            p.notice.warning role="note" {
                @match lang {
                    Lang::Zh => "推算等级由本系统依据所载规则和台账计算，不是省级名单，不能代替官方等级。银行授信以官方等级为准；官方等级为空时，不得以推算等级填补。",
                    Lang::En => "The computed tier is worked out from the ledger under the rulebook named here. It is not the province's list and stands in for no official tier. A bank decides by the official tier; where there is none, the computed one does not fill its place.",
                }
            }
            (proof(view))
        }
    };
    let title = format!("{title} {} · {}", view.uscc, words.product);
    page(lang, &title, &other, &[], body)
}

fn official_part(view: &CertificateView) -> Markup {
    let words = phrases(view.lang);
    html! {
        section {
            h2 { (words.official_title) }
            p.big { (official(view.official.as_ref(), view.lang)) }
        }
    }
}

fn computed_part(view: &CertificateView) -> Markup {
    let (lang, words) = (view.lang, phrases(view.lang));
    html! {
        section {
            h2 { (words.computed_title) }
            p.big {
                (computed_badge(view.computed, lang))
                @if let Some(score) = view.score { " " span.unit { (lang.pick("分值 ", "score ")) (score) } }
            }
            p.meta { (words.rulebook) " " (view.rulebook.0) " · " (words.col_confidence) " " (view.confidence) }
        }
    }
}

/// The code, and how to check it.
fn proof(view: &CertificateView) -> Markup {
    let lang = view.lang;
    html! {
        section.proof {
            @match code(&view.receipt) {
                Some(code) => (code),
                None => p.meta { (lang.pick("回执过长，不能印成二维码。", "The receipt is too long for a code.")) },
            }
            div {
                h2 { (lang.pick("如何核验", "How to check it")) }
                @match lang {
                    Lang::Zh => {
                        p { "二维码即签名回执全文（skr1.…）。用任何扫码软件读出，存成文件，再用公布的公钥离线核验，无须连接本系统：" }
                        p { code { "skytier receipt verify receipt.txt --key 公钥" } }
                        p { "公钥见 /v1/receipts/keys。内容有任何改动，核验即不通过。" }
                    }
                    Lang::En => {
                        p { "The code is the whole signed receipt (skr1.…). Read it with any scanner, keep it in a file and check it against the published key, without us:" }
                        p { code { "skytier receipt verify receipt.txt --key KEY" } }
                        p { "Keys are at /v1/receipts/keys. With anything changed it does not pass." }
                    }
                }
                dl.facts {
                    dt { (lang.pick("查询记录", "Record")) } dd { code { (view.record) } }
                    dt { (lang.pick("规则摘要", "Rulebook digest")) } dd { code { (view.rulebook.1) } }
                }
            }
        }
    }
}

/// The receipt as a picture of a QR code; `None` for a text that no such code holds.
#[must_use]
pub fn code(receipt: &str) -> Option<Markup> {
    let code = QrCode::with_error_correction_level(receipt.as_bytes(), EcLevel::M).ok()?;
    let width = code.width();
    let mut drawn = String::new();
    for (at, colour) in code.to_colors().into_iter().enumerate() {
        if colour == Color::Dark {
            let (x, y) = (at % width + QUIET, at / width + QUIET);
            drawn.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    let all = width + 2 * QUIET;
    Some(html! {
        svg.code xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (all) " " (all) } role="img" aria-label="skr1" shape-rendering="crispEdges" {
            rect width=(all) height=(all) fill="#fff" {}
            path d=(drawn) fill="#000" {}
        }
    })
}
