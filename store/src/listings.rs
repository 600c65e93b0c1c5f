//! Lists of blueprints: by owner, by access, by category, by tag. Lists are in the order of creation.

use super::database::{Store, to_u64};
use super::error::StoreError;
use super::page::{Page, PageQueries, PageRequest, page_queries};
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
        concat!(
            "SELECT b.id, b.name, b.description, b.version, b.exposure, b.author_id, b.created_ms, b.icon,
                    b.organization_id, c.id AS category_id, c.name AS category_name",
            $columns,
            " FROM blueprints b LEFT JOIN categories c ON c.id = b.category_id ",
            $rest
        )
    };
}
pub(super) use select_infos;

/// The queries of a list of blueprints: further columns, further tables, conditions, the position. A long description is
/// cut after 1,024 characters.
macro_rules! info_pages {
    ($tables:literal, $conditions:literal) => {
        info_pages!("", $tables, $conditions, "b.position")
    };
    ($columns:literal, $tables:literal, $conditions:literal, $position:literal) => {
        page_queries!(
            [
                "b.id, b.name, substr(b.description, 1, 1024) AS description, b.version, b.exposure, b.author_id,
              b.created_ms, b.icon, b.organization_id, c.id AS category_id, c.name AS category_name",
                $columns
            ],
            ["blueprints b LEFT JOIN categories c ON c.id = b.category_id ", $tables],
            $conditions,
            $position,
            "b.id"
        )
    };
}

impl Store {
    /// Returns a page of the blueprints of an author.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blueprints_by_author(
        &self,
        author: &UserId,
        wanted: &PageRequest,
    ) -> Result<Page<BlueprintInfo>, StoreError> {
        self.infos(info_pages!("", "b.author_id = $4"), wanted, author.as_str()).await
    }

    /// Returns a page of the blueprints that belong to an organisation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blueprints_of_organization(
        &self,
        org: &OrgId,
        wanted: &PageRequest,
    ) -> Result<Page<BlueprintInfo>, StoreError> {
        self.infos(info_pages!("", "b.organization_id = $4"), wanted, org.as_str()).await
    }

    /// Returns a page of the blueprints that are shared with an organisation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blueprints_shared_with(
        &self,
        org: &OrgId,
        wanted: &PageRequest,
    ) -> Result<Page<BlueprintInfo>, StoreError> {
        const SHARED: PageQueries =
            info_pages!("JOIN blueprint_shares s ON s.blueprint_id = b.id", "s.organization_id = $4");
        self.infos(SHARED, wanted, org.as_str()).await
    }

    /// Returns a page of the blueprints with a tag.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blueprints_with_tag(
        &self,
        tag: &str,
        wanted: &PageRequest,
    ) -> Result<Page<BlueprintInfo>, StoreError> {
        const TAGGED: PageQueries = info_pages!("JOIN blueprint_tags t ON t.blueprint_id = b.id", "t.tag = $4");
        self.infos(TAGGED, wanted, tag).await
    }

    /// Returns a page of the blueprints of a category.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blueprints_in_category(
        &self,
        category: &CategoryId,
        wanted: &PageRequest,
    ) -> Result<Page<BlueprintInfo>, StoreError> {
        self.infos(info_pages!("", "b.category_id = $4"), wanted, category.as_str()).await
    }

    /// Returns a page of all blueprints.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blueprints(&self, wanted: &PageRequest) -> Result<Page<BlueprintInfo>, StoreError> {
        let page = self.page(info_pages!("", "1 = 1"), wanted, &[]).await?;
        Ok(page.map(InfoColumns::read))
    }

    async fn infos(
        &self,
        queries: PageQueries,
        wanted: &PageRequest,
        of: &str,
    ) -> Result<Page<BlueprintInfo>, StoreError> {
        Ok(self.page(queries, wanted, &[Some(of)]).await?.map(InfoColumns::read))
    }

    /// Returns a page of the blueprints that a user may launch: public ones, then the user's own, then those that the members
    /// of the organisation may launch. The flag says whether the user may launch it through the organisation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accessible_blueprints(
        &self,
        user: &UserId,
        org: Option<&OrgId>,
        wanted: &PageRequest,
    ) -> Result<Page<(BlueprintInfo, bool)>, StoreError> {
        // The kind comes first in the order: it counts 2^40 positions.
        const ACCESSIBLE: PageQueries = info_pages!(
            ", CAST(CASE WHEN (b.exposure = 'organization' AND b.organization_id = $5) OR s.blueprint_id IS NOT NULL
                         THEN 1 ELSE 0 END AS BIGINT) AS is_through_organization",
            "LEFT JOIN blueprint_shares s ON s.blueprint_id = b.id AND s.organization_id = $5",
            "b.exposure = 'public' OR b.author_id = $4 OR s.blueprint_id IS NOT NULL
             OR (b.exposure = 'organization' AND b.organization_id = $5)",
            "(b.position + CASE WHEN b.exposure = 'public' THEN 0 WHEN b.author_id = $4 THEN 1099511627776
                                WHEN b.exposure = 'organization' THEN 2199023255552 ELSE 3298534883328 END)"
        );
        let page = self.page(ACCESSIBLE, wanted, &[Some(user.as_str()), org.map(OrgId::as_str)]).await?;
        Ok(page.map(|row: AccessibleColumns| (row.info.read(), row.is_through_organization != 0)))
    }

    /// Returns a page of all tags, in alphabetical order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tags(&self, wanted: &PageRequest) -> Result<Page<String>, StoreError> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT DISTINCT tag FROM blueprint_tags").fetch_all(&self.readers).await?;
        // Ordered here: databases have different alphabetical orders.
        Ok(Page::of_list(rows.into_iter().map(|(tag,)| tag).collect(), wanted, |tag| tag))
    }
}
