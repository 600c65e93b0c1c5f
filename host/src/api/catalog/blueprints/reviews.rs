//! The reviews of a blueprint.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::body::JsonBody;
use crate::api::error::ApiError;
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
    total_reviews: usize,
}

#[expect(clippy::cast_precision_loss, reason = "an average is not exact")]
fn average(reviews: &[Review]) -> f64 {
    let sum: f64 = reviews.iter().map(|review| review.rating as f64).sum();
    if reviews.is_empty() { 0.0 } else { sum / reviews.len() as f64 }
}

async fn list(State(api): State<ApiState>, Path(blueprint): Path<BlueprintId>) -> Result<Json<Reviews>, ApiError> {
    let reviews = api.store.reviews(&blueprint).await.map_err(ApiError::under)?;
    Ok(Json(Reviews { average_rating: average(&reviews), total_reviews: reviews.len(), reviews }))
}

async fn one(
    State(api): State<ApiState>,
    Path((blueprint, review)): Path<(BlueprintId, ReviewId)>,
) -> Result<Json<Review>, ApiError> {
    Ok(Json(api.store.review(&blueprint, &review).await?))
}
