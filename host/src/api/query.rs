//! The parameters of a query. A parameter may be repeated; unknown ones are ignored.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde_json::{Value, json};

use super::error::ApiError;
use super::state::ApiState;
use guildhall_model::read::{FieldError, FieldErrors, document};

/// The decoded parameters of a query, in their order.
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Returns all parameters with their values.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Returns every value of a parameter.
    pub fn all<'p>(&'p self, key: &'p str) -> impl Iterator<Item = &'p str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Returns the last value of a parameter.
    pub fn one(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Reads the last value of a parameter, if there is one.
    ///
    /// # Errors
    /// `Invalid` with every error of the value.
    pub fn read<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Value, &mut FieldErrors) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let read = |text: &str| document(&Value::from(text), &["query", key], read).map_err(ApiError::Invalid);
        self.one(key).map(read).transpose()
    }

    /// Returns the last value of a parameter.
    ///
    /// # Errors
    /// `Invalid` when the parameter is missing.
    pub fn required(&self, key: &str) -> Result<&str, ApiError> {
        let missing = || ApiError::Invalid(vec![FieldError::missing(vec!["query".into(), key.into()], Value::Null)]);
        self.one(key).ok_or_else(missing)
    }
}

impl FromRequestParts<ApiState> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| ApiError::NoRoute)?;
        let with_nul = pairs.iter().filter(|(_, value)| value.contains('\0'));
        let errors: Vec<FieldError> = with_nul
            .map(|(key, value)| FieldError::nul(vec!["query".into(), key.as_str().into()], json!(value)))
            .collect();
        if errors.is_empty() { Ok(Self(pairs)) } else { Err(ApiError::Invalid(errors)) }
    }
}
