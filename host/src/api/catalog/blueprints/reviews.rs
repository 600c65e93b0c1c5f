//! The reviews of a blueprint.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::body::JsonBody;
use crate::api::error::ApiError;
use crate::api::paging::Paging;
use crate::api::spec::Created;
use crate::api::state::{ApiState, Route};
use crate::random::random_id;
use guildhall_model::catalog::Review;
use guildhall_model::ids::{BlueprintId, ReviewId};

pub fn routes() -> Vec<Route> {
    vec![
        ("/catalog/blueprints/{id}/reviews", get(list).post(create)),
        ("/catalog/blueprints/{id}/reviews/{review}", get(one)),
    ]
}

async fn create(
    State(api): State<ApiState>,
    Path(blueprint): Path<BlueprintId>,
    body: JsonBody,
) -> Result<(StatusCode, Json<Created>), ApiError> {
    let review = body.read(Review::read(blueprint))?;
    let id = ReviewId::from(random_id());
    api.store.insert_review(&id, &review).await.map_err(ApiError::under)?;
    Ok(Created::plain(id.into_string()))
}

/// The reviews of a blueprint, oldest first. The average of no reviews is zero.
#[derive(Serialize, ToSchema)]
#[schema(as = BlueprintReviewsResponse)]
pub struct Reviews {
    reviews: Vec<Review>,
    average_rating: f64,
    total_reviews: u64,
}

#[expect(clippy::cast_precision_loss, reason = "an average is not exact")]
fn average(sum: i64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum as f64 / count as f64 }
}

/// Answers a page of the reviews, with the number and the average of all.
async fn list(
    State(api): State<ApiState>,
    Path(blueprint): Path<BlueprintId>,
    paging: Paging,
) -> Result<Response, ApiError> {
    let page = api.store.reviews(&blueprint, paging.wanted()).await.map_err(ApiError::under)?;
    let (count, sum) = api.store.ratings(&blueprint).await?;
    let reviews = Reviews { average_rating: average(sum, count), total_reviews: count, reviews: page.items };
    Ok(paging.linked(page.next, Json(reviews)))
}

async fn one(
    State(api): State<ApiState>,
    Path((blueprint, review)): Path<(BlueprintId, ReviewId)>,
) -> Result<Json<Review>, ApiError> {
    Ok(Json(api.store.review(&blueprint, &review).await?))
}
