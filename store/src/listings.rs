//! Lists of blueprints: by owner, by access, by category, by tag. Lists are in the order of creation.

use super::database::{Store, to_u64};
use super::error::StoreError;
use super::row::from_row;
use guildhall_model::ids::{BlueprintId, CategoryId, OrgId, UserId};

/// A blueprint in a list, with the name of its category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlueprintInfo {
    pub id: BlueprintId,
    pub name: String,
    pub description: String,
    pub version: String,
    pub exposure: String,
    pub author: UserId,
    pub created_ms: u64,
    pub icon: Option<String>,
    pub organization: Option<OrgId>,
    /// `None` when there is no such category.
    pub category: Option<CategoryId>,
    pub category_name: Option<String>,
}

pub(super) struct InfoColumns {
    id: String,
    name: String,
    description: String,
    version: String,
    exposure: String,
    author_id: String,
    created_ms: i64,
    icon: Option<String>,
    organization_id: Option<String>,
    category_id: Option<String>,
    category_name: Option<String>,
}

from_row!(InfoColumns {
    id,
    name,
    description,
    version,
    exposure,
    author_id,
    created_ms,
    icon,
    organization_id,
    category_id,
    category_name
});

impl InfoColumns {
    pub(super) fn read(self) -> BlueprintInfo {
        BlueprintInfo {
            id: self.id.into(),
            name: self.name,
            description: self.description,
            version: self.version,
            exposure: self.exposure,
            author: self.author_id.into(),
            created_ms: to_u64(self.created_ms),
            icon: self.icon,
            organization: self.organization_id.map(OrgId::from),
            category: self.category_id.map(CategoryId::from),
            category_name: self.category_name,
        }
    }
}

struct AccessibleColumns {
    info: InfoColumns,
    is_through_organization: i64,
}

from_row!(AccessibleColumns { @flatten info, is_through_organization });

/// A query for blueprints, with these further columns and this text after the joined tables.
macro_rules! select_infos {
    ($columns:literal, $rest:literal) => {
        $crate::listings::select_infos!("b.description", $columns, $rest)
    };
    ($description:literal, $columns:literal, $rest:literal) => {
        concat!(
            "SELECT b.id, b.name, ",
            $description,
            ", b.version, b.exposure, b.author_id, b.created_ms, b.icon,
                    b.organization_id, c.id AS category_id, c.name AS category_name",
            $columns,
            " FROM blueprints b LEFT JOIN categories c ON c.id = b.category_id ",
            $rest
        )
    };
}
pub(super) use select_infos;

/// As [`select_infos`], for lists: a long description is cut after 1,024 characters.
macro_rules! select_list {
    ($columns:literal, $rest:literal) => {
        select_infos!("substr(b.description, 1, 1024) AS description", $columns, $rest)
    };
}

impl Store {
    /// Returns the blueprints of an author.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blueprints_by_author(&self, author: &UserId) -> Result<Vec<BlueprintInfo>, StoreError> {
        const QUERY: &str = select_list!("", "WHERE b.author_id = $1 ORDER BY b.position, b.id");
        self.infos(QUERY, author.as_str()).await
    }

    /// Returns the blueprints that belong to an organisation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blueprints_of_organization(&self, org: &OrgId) -> Result<Vec<BlueprintInfo>, StoreError> {
        const QUERY: &str = select_list!("", "WHERE b.organization_id = $1 ORDER BY b.position, b.id");
        self.infos(QUERY, org.as_str()).await
    }

    /// Returns the blueprints that are shared with an organisation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blueprints_shared_with(&self, org: &OrgId) -> Result<Vec<BlueprintInfo>, StoreError> {
        const QUERY: &str = select_list!(
            "",
            "JOIN blueprint_shares s ON s.blueprint_id = b.id WHERE s.organization_id = $1
             ORDER BY b.position, b.id"
        );
        self.infos(QUERY, org.as_str()).await
    }

    /// Returns the blueprints with a tag.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blueprints_with_tag(&self, tag: &str) -> Result<Vec<BlueprintInfo>, StoreError> {
        const QUERY: &str = select_list!(
            "",
            "JOIN blueprint_tags t ON t.blueprint_id = b.id WHERE t.tag = $1 ORDER BY b.position, b.id"
        );
        self.infos(QUERY, tag).await
    }

    /// Returns the blueprints of a category.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blueprints_in_category(&self, category: &CategoryId) -> Result<Vec<BlueprintInfo>, StoreError> {
        const QUERY: &str = select_list!("", "WHERE b.category_id = $1 ORDER BY b.position, b.id");
        self.infos(QUERY, category.as_str()).await
    }

    /// Returns a page of all blueprints: at most `limit`, those after another one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blueprints(&self, after: Option<&BlueprintId>, limit: u32) -> Result<Vec<BlueprintInfo>, StoreError> {
        const FIRST: &str = select_list!("", "ORDER BY b.position, b.id LIMIT $1");
        const NEXT: &str = select_list!(
            "",
            "WHERE (b.position, b.id) > (SELECT a.position, a.id FROM blueprints a WHERE a.id = $2)
             ORDER BY b.position, b.id LIMIT $1"
        );
        let query = sqlx::query_as(if after.is_some() { NEXT } else { FIRST }).bind(i64::from(limit));
        let query = match after {
            Some(after) => query.bind(after.as_str()),
            None => query,
        };
        let rows: Vec<InfoColumns> = query.fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(InfoColumns::read).collect())
    }

    async fn infos(&self, query: &'static str, of: &str) -> Result<Vec<BlueprintInfo>, StoreError> {
        let rows: Vec<InfoColumns> = sqlx::query_as(query).bind(of).fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(InfoColumns::read).collect())
    }

    /// Returns the blueprints that a user may launch: public ones, then the user's own, then those that the members of the
    /// organisation may launch. The flag says whether the user may launch it through the organisation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accessible_blueprints(
        &self,
        user: &UserId,
        org: Option<&OrgId>,
    ) -> Result<Vec<(BlueprintInfo, bool)>, StoreError> {
        let rows: Vec<AccessibleColumns> = sqlx::query_as(select_list!(
            ", CAST(CASE WHEN (b.exposure = 'organization' AND b.organization_id = $2) OR s.blueprint_id IS NOT NULL
                         THEN 1 ELSE 0 END AS BIGINT) AS is_through_organization",
            "LEFT JOIN blueprint_shares s ON s.blueprint_id = b.id AND s.organization_id = $2
             WHERE b.exposure = 'public' OR b.author_id = $1 OR s.blueprint_id IS NOT NULL
                OR (b.exposure = 'organization' AND b.organization_id = $2)
             ORDER BY CASE WHEN b.exposure = 'public' THEN 0 WHEN b.author_id = $1 THEN 1
                           WHEN b.exposure = 'organization' THEN 2 ELSE 3 END, b.position, b.id"
        ))
        .bind(user.as_str())
        .bind(org.map(OrgId::as_str))
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(|row| (row.info.read(), row.is_through_organization != 0)).collect())
    }

    /// Returns all tags, in alphabetical order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tags(&self) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT DISTINCT tag FROM blueprint_tags").fetch_all(&self.readers).await?;
        let mut tags: Vec<String> = rows.into_iter().map(|(tag,)| tag).collect();
        // Databases have different alphabetical orders.
        tags.sort_unstable();
        Ok(tags)
    }
}
