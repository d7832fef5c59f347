//! Bodies of requests that write: JSON and nothing else, so that no form of another site can send one.

use axum::Json;
use axum::extract::FromRequest;
use axum::extract::Request;
use axum::extract::rejection::JsonRejection;
use serde::de::DeserializeOwned;

use crate::adapters::http::error::Problem;

/// A body of `content-type: application/json`, read into its shape.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(shape)) => Ok(Self(shape)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Problem::NotJson),
            Err(JsonRejection::BytesRejection(_)) => Err(Problem::TooLarge),
            Err(fault) => Err(Problem::bad("body", fault.body_text())),
        }
    }
}
