//! The reviews of blueprints.

use super::database::{Store, to_u64};
use super::error::StoreError;
use super::page::{Page, PageRequest, page_queries};
use guildhall_model::catalog::Review;
use guildhall_model::ids::{BlueprintId, ReviewId};

type Columns = (String, i64, String, String);

fn review((user, rating, review, blueprint): Columns) -> Review {
    Review { user: user.into(), rating, review, blueprint: blueprint.into() }
}

impl Store {
    /// Adds a review.
    ///
    /// # Errors
    /// `NotFound` when there is no such blueprint.
    pub async fn insert_review(&self, id: &ReviewId, review: &Review) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO blueprint_reviews (id, blueprint_id, user_id, rating, review, position)
             SELECT $1, b.id, $3, $4, $5, (SELECT COALESCE(MAX(position), 0) + 1 FROM blueprint_reviews)
             FROM blueprints b WHERE b.id = $2",
        )
        .bind(id.as_str())
        .bind(review.blueprint.as_str())
        .bind(review.user.as_str())
        .bind(review.rating)
        .bind(review.review.as_str())
        .execute(&self.writer)
        .await
        .map_err(|error| StoreError::on_insert(error, "review", id.as_str()))?;
        match done.rows_affected() {
            0 => Err(StoreError::not_found("blueprint", review.blueprint.as_str())),
            _ => Ok(()),
        }
    }

    /// Returns a page of the reviews of a blueprint, in the order of creation.
    ///
    /// # Errors
    /// `NotFound` when there is no such blueprint.
    pub async fn reviews(&self, blueprint: &BlueprintId, wanted: &PageRequest) -> Result<Page<Review>, StoreError> {
        self.blueprint_exists(blueprint).await?;
        let queries = page_queries!(
            "user_id, rating, review, blueprint_id",
            "blueprint_reviews",
            "blueprint_id = $4",
            "position",
            "id"
        );
        Ok(self.page(queries, wanted, &[Some(blueprint.as_str())]).await?.map(review))
    }

    /// Counts the reviews of a blueprint and adds up their ratings.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ratings(&self, blueprint: &BlueprintId) -> Result<(u64, i64), StoreError> {
        let (count, sum): (i64, i64) = sqlx::query_as(
            "SELECT COUNT(*), CAST(COALESCE(SUM(rating), 0) AS BIGINT) FROM blueprint_reviews WHERE blueprint_id = $1",
        )
        .bind(blueprint.as_str())
        .fetch_one(&self.readers)
        .await?;
        Ok((to_u64(count), sum))
    }

    /// Returns one review of this blueprint.
    ///
    /// # Errors
    /// `NotFound` when this blueprint has no review with this id.
    pub async fn review(&self, blueprint: &BlueprintId, id: &ReviewId) -> Result<Review, StoreError> {
        let row: Option<Columns> = sqlx::query_as(
            "SELECT user_id, rating, review, blueprint_id FROM blueprint_reviews WHERE id = $1 AND blueprint_id = $2",
        )
        .bind(id.as_str())
        .bind(blueprint.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.map(review).ok_or_else(|| StoreError::not_found("review", id.as_str()))
    }
}
