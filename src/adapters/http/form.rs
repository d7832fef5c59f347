//! Forms of our pages: read whole, each name once, and of a session only with the session's key in them.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::FromRequest;
use axum::extract::Request;
use axum::extract::rejection::FormRejection;

use crate::adapters::access::sessions::is_form_key;
use crate::adapters::http::error::Problem;

/// The field that carries the key.
pub const KEY_FIELD: &str = "form_key";

/// The key that forms of a session's pages carry, in the extensions of its requests.
#[derive(Clone, Debug)]
pub struct FormKey(pub String);

/// The fields of a form.
#[derive(Debug)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    /// The text of a field; empty when it was left out.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The text of a field, unless it is empty.
    pub fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let key = request.extensions().get::<FormKey>().cloned();
        let pairs = Form::<Vec<(String, String)>>::from_request(request, state).await;
        let Form(pairs) = pairs.map_err(|fault| match fault {
            FormRejection::InvalidFormContentType(_) => Problem::bad(
                "content-type",
                "application/x-www-form-urlencoded is expected",
            ),
            FormRejection::BytesRejection(_) => Problem::TooLarge,
            fault => Problem::bad("body", fault.body_text()),
        })?;
        let mut fields = BTreeMap::new();
        for (name, value) in pairs {
            if fields.insert(name, value).is_some() {
                return Err(Problem::bad("body", "a field is given twice"));
            }
        }
        let given = fields.remove(KEY_FIELD).unwrap_or_default();
        if key.is_some_and(|FormKey(own)| !is_form_key(&given, &own)) {
            return Err(Problem::Forbidden(
                "the form is not of this session; open the page anew".to_owned(),
            ));
        }
        Ok(Self(fields))
    }
}
