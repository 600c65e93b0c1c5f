//! The categories of blueprints.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::blueprints::Info;
use crate::api::body::JsonBody;
use crate::api::error::ApiError;
use crate::api::paging::Paging;
use crate::api::spec::Created;
use crate::api::state::{ApiState, Route};
use crate::random::random_id;
use guildhall_model::catalog::Category;
use guildhall_model::ids::CategoryId;

pub fn routes() -> Vec<Route> {
    vec![
        ("/catalog/categories", get(list).post(create)),
        ("/catalog/categories/{id}", get(one).delete(remove)),
        ("/catalog/categories/{name}/blueprints", get(blueprints)),
    ]
}

async fn create(State(api): State<ApiState>, body: JsonBody) -> Result<(StatusCode, Json<Created>), ApiError> {
    let category = body.read(Category::read(random_id().into()))?;
    api.store.insert_category(&category).await?;
    Ok(Created::plain(category.id.into_string()))
}

async fn list(State(api): State<ApiState>, paging: Paging) -> Result<Response, ApiError> {
    Ok(paging.list(api.store.categories(paging.wanted()).await?))
}

/// Removes a category in which there is no blueprint.
async fn remove(State(api): State<ApiState>, Path(id): Path<CategoryId>) -> Result<StatusCode, ApiError> {
    api.store.delete_category(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn one(State(api): State<ApiState>, Path(id): Path<CategoryId>) -> Result<Json<Category>, ApiError> {
    Ok(Json(api.store.category(&id).await?))
}

/// The blueprints of the first category of this name.
async fn blueprints(
    State(api): State<ApiState>,
    Path(name): Path<String>,
    paging: Paging,
) -> Result<Response, ApiError> {
    let category = api.store.category_named(&name).await?;
    let page = api.store.blueprints_in_category(&category.id, paging.wanted()).await?;
    Ok(paging.list(page.map(Info::from)))
}
