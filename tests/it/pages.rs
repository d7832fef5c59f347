//! The pages: as text, and in a real browser at the widths of a desk and of a telephone.
//!
//! With `SKYTIER_SHOTS=FOLDER` in the environment the browser test also leaves a picture of each page there,
//! as base 64 text.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use axum::Router;
use axum::extract::Path as Segment;
use axum::extract::RawQuery;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use skytier::adapters::chart::missing_glyphs;
use skytier::adapters::http::assets::CONTENT_SECURITY_POLICY;
use skytier::adapters::http::assets::assets;
use skytier::adapters::http::page::certificate::certificate;
use skytier::adapters::http::page::dashboard;
use skytier::adapters::http::page::enterprise;
use skytier::adapters::http::page::standing;
use skytier::adapters::http::page::view::DashboardView;
use skytier::adapters::lang::Lang;

use crate::browser::Browser;
use crate::sample;

const LANGS: [Lang; 2] = [Lang::Zh, Lang::En];

/// Widths in pixels, and whether it is dark: a desk, a telephone, a small telephone, a tablet.
const LOOKS: [(u32, bool); 6] = [
    (1440, false),
    (1440, true),
    (390, false),
    (390, true),
    (320, false),
    (820, false),
];

/// Pages about enterprises, by the names of their samples.
const STANDING: [&str; 4] = ["search", "wall", "changes", "certificate"];

fn standing_page(name: &str, lang: Lang) -> String {
    let page = match name {
        "search" => standing::search(&sample::standing::search(lang)),
        "wall" => standing::wall(&sample::standing::wall(lang)),
        "changes" => standing::changes(&sample::standing::changes(lang)),
        _ => certificate(&sample::standing::certificate(lang)),
    };
    page.into_string()
}

fn texts() -> Vec<(&'static str, Lang, String)> {
    LANGS
        .into_iter()
        .flat_map(|lang| {
            [
                (
                    "full",
                    lang,
                    dashboard(&sample::dashboard(lang)).into_string(),
                ),
                ("empty", lang, dashboard(&sample::empty(lang)).into_string()),
                (
                    "enterprise",
                    lang,
                    enterprise(&sample::enterprise(lang)).into_string(),
                ),
            ]
            .into_iter()
            .chain(STANDING.map(|name| (name, lang, standing_page(name, lang))))
        })
        .collect()
}

#[test]
fn every_character_of_a_page_is_in_the_embedded_font() {
    for (page, lang, text) in texts() {
        assert_eq!(missing_glyphs(&text), Vec::<char>::new(), "{page} {lang:?}");
    }
}

#[test]
fn a_page_is_in_its_language_and_loads_nothing_from_elsewhere() {
    for (page, lang, text) in texts() {
        assert!(
            text.contains(&format!("<html lang=\"{}\">", lang.tag())),
            "{page}"
        );
        for banned in ["<script", "style=\"", "src=\"", "href=\"http", "url(http"] {
            assert!(!text.contains(banned), "{page} {lang:?} has {banned}");
        }
    }
}

#[test]
fn simulated_air_and_invented_enterprises_say_so() {
    for (lang, simulated, example) in [
        (Lang::Zh, "模拟数据", "示例"),
        (Lang::En, "SIMULATED", "Example"),
    ] {
        let text = dashboard(&sample::dashboard(lang)).into_string();
        assert!(
            text.contains(&format!("data-watermark=\"{simulated}\"")),
            "{lang:?}"
        );
        assert!(text.matches("class=\"watermark\"").count() >= 8, "{lang:?}");
        assert!(
            text.contains(&format!("chip example\">{example}<")),
            "{lang:?}"
        );
        let real = DashboardView {
            simulated: false,
            stations: Vec::new(),
            ..sample::dashboard(lang)
        };
        let real = dashboard(&real).into_string();
        assert!(!real.contains(simulated), "{lang:?}");
    }
}

#[test]
fn an_empty_page_gives_a_command_to_copy() {
    for lang in LANGS {
        let text = dashboard(&sample::empty(lang)).into_string();
        assert!(
            text.contains("mosquitto_pub -h 127.0.0.1 -p 1883 -q 1 -t"),
            "{lang:?}"
        );
        assert!(text.contains("skytier seed"), "{lang:?}");
    }
}

#[test]
fn the_official_tier_is_never_filled_from_the_computed_one() {
    let mut view = sample::dashboard(Lang::En);
    for row in &mut view.enterprises {
        row.official = None;
    }
    let text = dashboard(&view).into_string();
    assert!(!text.contains("tier official"));
    let rows = view.enterprises.len();
    assert_eq!(text.matches("Not on the list").count(), rows);
    assert_eq!(text.matches("tier computed").count(), rows);
}

#[test]
fn hostile_names_stay_text() {
    let mut view = sample::dashboard(Lang::Zh);
    let hostile = "\"><script>alert(1)</script>&";
    view.area.name = hostile.to_owned();
    view.stations[0].name = hostile.to_owned();
    view.enterprises[0].name = hostile.to_owned();
    view.enterprises[0].uscc = "../?x=\"".to_owned();
    let text = dashboard(&view).into_string();
    assert!(!text.contains("<script"));
    assert!(text.contains("/enterprises/..%2F%3Fx%3D%22?lang=zh"));
}

async fn sample_dashboard(RawQuery(query): RawQuery) -> impl IntoResponse {
    let query = query.unwrap_or_default();
    let lang = if query.contains("lang=en") {
        Lang::En
    } else {
        Lang::Zh
    };
    let view = if query.contains("empty") {
        sample::empty(lang)
    } else {
        sample::dashboard(lang)
    };
    html(dashboard(&view).into_string())
}

async fn sample_enterprise(RawQuery(query): RawQuery) -> impl IntoResponse {
    let english = query.unwrap_or_default().contains("lang=en");
    let lang = if english { Lang::En } else { Lang::Zh };
    html(enterprise(&sample::enterprise(lang)).into_string())
}

async fn sample_standing(
    Segment(name): Segment<String>,
    RawQuery(query): RawQuery,
) -> impl IntoResponse {
    let english = query.unwrap_or_default().contains("lang=en");
    html(standing_page(
        &name,
        if english { Lang::En } else { Lang::Zh },
    ))
}

fn html(text: String) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    ];
    (headers, text)
}

/// Serves the sample pages on loopback until the runtime is dropped.
fn serve(runtime: &tokio::runtime::Runtime) -> SocketAddr {
    let router = Router::new()
        .route("/", get(sample_dashboard))
        .route("/enterprises/{uscc}", get(sample_enterprise))
        .route("/standing/{name}", get(sample_standing))
        .merge(assets());
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(listener, router).await });
    address
}

pub(crate) fn keep_picture(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("SKYTIER_SHOTS") {
        let path = PathBuf::from(folder).join(format!("{name}.png.b64"));
        fs::write(path, browser.picture()).unwrap();
    }
}

#[test]
fn nothing_is_clipped_missing_or_complained_about_in_a_browser() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = serve(&runtime);
    let profile = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(profile.path());
    let pages = [
        ("full", "/?x"),
        ("empty", "/?empty"),
        ("enterprise", "/enterprises/91999999MA1ABC028G?x"),
        ("search", "/standing/search?x"),
        ("wall", "/standing/wall?x"),
        ("changes", "/standing/changes?x"),
        ("certificate", "/standing/certificate?x"),
    ];
    let mut complaints = String::new();
    for (name, path) in pages {
        for lang in LANGS {
            for (width, dark) in LOOKS {
                let url = format!("http://{address}{path}&lang={}", lang.key());
                let found = browser.look(&url, width, dark);
                let scheme = if dark { "dark" } else { "light" };
                let shot = format!("{name}-{}-{width}-{scheme}", lang.key());
                keep_picture(&mut browser, &shot);
                assert!(found.characters > 0, "{shot}: no character was looked at");
                if !found.complaints().is_empty() {
                    complaints.push_str(&format!("{shot}:\n{}\n", found.complaints()));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
}

#[test]
fn a_picture_and_its_table_are_both_there_for_readers_of_either() {
    for lang in LANGS {
        let text = dashboard(&sample::dashboard(lang)).into_string();
        assert!(text.matches("role=\"img\"").count() >= 10);
        assert_eq!(text.matches("<details>").count(), 4);
    }
    assert!(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("charts")
            .is_dir()
    );
}
