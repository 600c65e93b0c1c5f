//! Lists by pages: the parameters `limit`, `after` and `order` of a query, and the `Link` header of an answer that has a
//! next page.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

use super::error::ApiError;
use super::query::Params;
use super::state::ApiState;
use crate::store::{Page, PageRequest, Place};
use guildhall_model::read::{FieldErrors, one_of, whole};

/// The most items of a page.
pub const MAX_LIMIT: u64 = 1_000;
/// The most items of a list whose client asks for no page.
pub const UNPAGED: u32 = 10_000;
/// The orders of a list: whether it runs from its last item to its first.
pub const ORDERS: [(&str, bool); 2] = [("asc", false), ("desc", true)];
/// What the parameter `order` expects.
pub const ORDER: &str = "'asc' or 'desc'";

/// Characters of a query that stay as they are.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~');

/// The page that a client asks for.
pub struct Paging {
    wanted: PageRequest,
    params: Params,
}

impl FromRequestParts<ApiState> for Paging {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &ApiState) -> Result<Self, ApiError> {
        let params = Params::from_request_parts(parts, api).await?;
        let limit = params.read("limit", whole(1, MAX_LIMIT))?;
        let wanted = PageRequest {
            most: limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(UNPAGED),
            after: params.read("after", place)?,
            newest_first: params.read("order", one_of(&ORDERS, ORDER))?.unwrap_or(false),
        };
        Ok(Self { wanted, params })
    }
}

fn place(value: &Value, errors: &mut FieldErrors) -> Option<Place> {
    match value.as_str().and_then(Place::parse) {
        Some(place) => Some(place),
        None => errors.refuse("take `after` from the `Link` header of the page before", value),
    }
}

impl Paging {
    /// Returns the page that the client asks for.
    pub const fn wanted(&self) -> &PageRequest {
        &self.wanted
    }

    /// Returns the other parameters of the query.
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// Answers with a page, as a JSON list.
    pub fn list<T: Serialize>(&self, page: Page<T>) -> Response {
        self.linked(page.next, Json(page.items))
    }

    /// Adds the next page to an answer that has one.
    pub fn linked(&self, next: Option<Place>, answer: impl IntoResponse) -> Response {
        link(&self.params, next.map(|place| place.to_string()), answer)
    }
}

/// Adds the next page to an answer: the same query, with another `after`.
pub fn link(params: &Params, next: Option<String>, answer: impl IntoResponse) -> Response {
    let mut answer = answer.into_response();
    let Some(next) = next else { return answer };
    let others = params.pairs().iter().filter(|(key, _)| key != "after");
    let pairs = others.map(|(key, value)| (key.as_str(), value.as_str())).chain([("after", next.as_str())]);
    let encode = |text| utf8_percent_encode(text, QUERY);
    let query: Vec<String> = pairs.map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
    let link = format!("<?{}>; rel=\"next\"", query.join("&"));
    match HeaderValue::try_from(link) {
        Ok(link) => {
            answer.headers_mut().insert(header::LINK, link);
            answer
        }
        Err(error) => ApiError::Internal(error.to_string()).into_response(),
    }
}
