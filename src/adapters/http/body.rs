//! Bodies of requests that write: JSON and nothing else, so that no form of another site can send one.

use axum::Json;
use axum::extract::FromRequest;
use axum::extract::Request;
use axum::extract::rejection::JsonRejection;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::adapters::http::error::Problem;

/// A body of `content-type: application/json`, read into its shape.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let text: Box<RawValue> = match Json::from_request(request, state).await {
            Ok(Json(text)) => text,
            Err(JsonRejection::MissingJsonContentType(_)) => return Err(Problem::NotJson),
            Err(JsonRejection::BytesRejection(_)) => return Err(Problem::TooLarge),
            Err(fault) => return Err(Problem::bad("body", fault.body_text())),
        };
        // A list would be read as the fields in their order.
        if !text.get().starts_with('{') {
            return Err(Problem::bad("body", "a JSON object is expected"));
        }
        let shape = serde_json::from_str(text.get());
        shape.map(Self).map_err(|fault| Problem::bad("body", fault))
    }
}
