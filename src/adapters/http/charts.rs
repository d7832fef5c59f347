//! Charts by themselves, as SVG or PNG.

use axum::extract::Path;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::adapters::bulletin::typeface::carried;
use crate::adapters::chart::Size;
use crate::adapters::chart::png;
use crate::adapters::http::desk;
use crate::adapters::http::desk::Kind;
use crate::adapters::http::error::Problem;
use crate::adapters::http::pages::wish;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;

/// How a chart is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Scalable, with what a viewer reads out.
    Svg,
    /// Pixels, two for one each way.
    Png,
}

impl Form {
    /// A file's name without its ending, and the form that the ending stands for.
    pub fn split(file: &str) -> Option<(&str, Self)> {
        let (name, ending) = file.rsplit_once('.')?;
        match ending {
            "svg" => Some((name, Self::Svg)),
            "png" => Some((name, Self::Png)),
            _ => None,
        }
    }
}

/// The width asked for.
///
/// # Errors
/// In words.
pub fn size(text: &str) -> Result<Size, String> {
    match text {
        "wide" => Ok(Size::Wide),
        "narrow" => Ok(Size::Narrow),
        _ => Err("wide or narrow is expected".to_owned()),
    }
}

/// `GET /v1/charts/{kind}.svg` and `.png`: one chart by itself.
///
/// # Errors
/// A problem document.
pub async fn chart(
    State(state): State<WebState>,
    Path(file): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["area", "year", "review", "lang", "size"])?;
    let wanted = params.text("size").map_or(Ok(Size::Wide), size);
    let wanted = wanted.map_err(|fault| Problem::bad("size", fault))?;
    let Some((name, form)) = Form::split(&file) else {
        return Err(Problem::NotFound(
            "charts are KIND.svg or KIND.png".to_owned(),
        ));
    };
    let kind = Kind::parse(name).map_err(Problem::NotFound)?;
    let svg = desk::plot(&state, kind, wish(&params)?, wanted).await?;
    Ok(match form {
        Form::Svg => {
            let svg = state.compute(|| carried(&svg)).await;
            ([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response()
        }
        Form::Png => {
            let file = state.compute(|| png(&svg)).await;
            ([(header::CONTENT_TYPE, "image/png")], file).into_response()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn an_ending_says_the_form() {
        for (file, expected) in [
            ("pm25.svg", Some(("pm25", Form::Svg))),
            ("pm25.png", Some(("pm25", Form::Png))),
            ("/tmp/a.b/c.png", Some(("/tmp/a.b/c", Form::Png))),
            ("pm25", None),
            ("pm25.gif", None),
        ] {
            assert_eq!(Form::split(file), expected, "{file}");
        }
    }
}
