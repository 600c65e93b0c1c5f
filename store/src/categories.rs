//! The categories of blueprints.

use super::database::Store;
use super::error::StoreError;
use super::needed::{refuse_if_needed, removed};
use super::page::{Page, PageRequest, page_queries};
use guildhall_model::catalog::Category;
use guildhall_model::ids::CategoryId;

impl Store {
    /// Adds a category.
    ///
    /// # Errors
    /// `Conflict` when the id is taken.
    pub async fn insert_category(&self, category: &Category) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO categories (id, name, description, position)
             VALUES ($1, $2, $3, (SELECT COALESCE(MAX(position), 0) + 1 FROM categories))",
        )
        .bind(category.id.as_str())
        .bind(category.name.as_str())
        .bind(category.description.as_str())
        .execute(&self.writer)
        .await
        .map_err(|error| StoreError::on_insert(error, "category", category.id.as_str()))?;
        Ok(())
    }

    /// Returns whether there is a category with this id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn has_category(&self, id: &CategoryId) -> Result<bool, StoreError> {
        match self.category(id).await {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns a category.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id.
    pub async fn category(&self, id: &CategoryId) -> Result<Category, StoreError> {
        let row: Option<(String, String, String)> =
            sqlx::query_as("SELECT id, name, description FROM categories WHERE id = $1")
                .bind(id.as_str())
                .fetch_optional(&self.readers)
                .await?;
        row.map(category).ok_or_else(|| StoreError::not_found("category", id.as_str()))
    }

    /// Returns the oldest category of this name.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn category_named(&self, name: &str) -> Result<Category, StoreError> {
        let row: Option<(String, String, String)> = sqlx::query_as(
            "SELECT id, name, description FROM categories WHERE name = $1 ORDER BY position, id LIMIT 1",
        )
        .bind(name)
        .fetch_optional(&self.readers)
        .await?;
        row.map(category).ok_or_else(|| StoreError::not_found("category", name))
    }

    /// Returns a page of all categories, in the order of creation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn categories(&self, wanted: &PageRequest) -> Result<Page<Category>, StoreError> {
        let queries = page_queries!("id, name, description", "categories", "1 = 1", "position", "id");
        Ok(self.page(queries, wanted, &[]).await?.map(category))
    }

    /// Removes a category in which there is no blueprint.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id; `Needed` with blueprints that are in it.
    pub async fn delete_category(&self, id: &CategoryId) -> Result<(), StoreError> {
        const USERS: &str = "SELECT 'blueprint', id FROM blueprints WHERE category_id = $1 ORDER BY position LIMIT 20";
        let mut transaction = self.begin().await?;
        refuse_if_needed(&mut transaction, USERS, "category", id.as_str(), id.as_str()).await?;
        let done =
            sqlx::query("DELETE FROM categories WHERE id = $1").bind(id.as_str()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        removed(done.rows_affected(), "category", id.as_str())
    }
}

fn category((id, name, description): (String, String, String)) -> Category {
    Category { name, description, id: id.into() }
}
