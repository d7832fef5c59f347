//! The real daemon's pages, with everything in them, in a real browser on a desk and on a telephone.

use crate::browser::Browser;
use crate::pages::keep_picture;
use crate::support::full::full;

const WIDTHS: [u32; 2] = [1440, 390];

#[test]
fn the_daemons_pages_are_whole_in_a_browser() {
    let site = &full().site;
    let rows = site.json("/v1/enterprises?limit=1000");
    let rows = rows["enterprises"].as_array().expect("a list");
    let black = rows.iter().find(|row| row["computed"]["tier"] == "black");
    let black = black
        .and_then(|row| row["subject"].as_str())
        .expect("one is black");
    let pages = [
        ("today", "/".to_owned()),
        ("today-simulated", "/?area=group:city".to_owned()),
        ("beijing", "/year".to_owned()),
        ("jiangyin", "/year?area=group:city&year=2020".to_owned()),
        ("station", "/year?area=station:Dongsi&year=2016".to_owned()),
        ("black", format!("/enterprises/{black}")),
    ];
    let profile = tempfile::tempdir().expect("a temporary folder");
    let mut browser = Browser::start(profile.path());
    let mut complaints = String::new();
    for (name, path) in &pages {
        let joint = if path.contains('?') { '&' } else { '?' };
        for lang in ["zh", "en"] {
            for width in WIDTHS {
                let url = format!("{}{path}{joint}lang={lang}", site.http);
                let found = browser.look(&url, width, false);
                let shot = format!("real-{name}-{lang}-{width}");
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
