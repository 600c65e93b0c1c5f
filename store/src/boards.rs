//! The boards of guilds, and the messages that are pinned to them.

use super::database::{Store, to_i64, to_u64};
use super::error::StoreError;
use super::page::{Page, PageRequest, page_queries};
use super::row::from_row;
use guildhall_model::catalog::Board;
use guildhall_model::ids::{BoardId, GuildId};

struct Columns {
    id: String,
    name: String,
    guild_id: String,
    created_by: String,
    created_ms: i64,
    is_default: i64,
    is_private: i64,
}

from_row!(Columns { id, name, guild_id, created_by, created_ms, is_default, is_private });

impl Columns {
    fn read(self) -> Board {
        Board {
            id: self.id.into(),
            name: self.name,
            guild: self.guild_id.into(),
            created_by: self.created_by.into(),
            created_ms: to_u64(self.created_ms),
            is_default: self.is_default != 0,
            is_private: self.is_private != 0,
        }
    }
}

impl Store {
    /// Adds a board.
    ///
    /// # Errors
    /// `NotFound` when there is no such guild.
    pub async fn insert_board(&self, board: &Board) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO boards (id, guild_id, name, created_by, is_default, is_private, created_ms, position)
             SELECT $1, g.id, $3, $4, $5, $6, $7, (SELECT COALESCE(MAX(position), 0) + 1 FROM boards)
             FROM guilds g WHERE g.id = $2",
        )
        .bind(board.id.as_str())
        .bind(board.guild.as_str())
        .bind(board.name.as_str())
        .bind(board.created_by.as_str())
        .bind(i64::from(board.is_default))
        .bind(i64::from(board.is_private))
        .bind(to_i64(board.created_ms))
        .execute(&self.writer)
        .await
        .map_err(|error| StoreError::on_insert(error, "board", board.id.as_str()))?;
        match done.rows_affected() {
            0 => Err(StoreError::not_found("guild", board.guild.as_str())),
            _ => Ok(()),
        }
    }

    /// Returns a page of the boards of a guild, in the order of creation.
    ///
    /// # Errors
    /// `NotFound` when there is no such guild.
    pub async fn boards(&self, guild: &GuildId, wanted: &PageRequest) -> Result<Page<Board>, StoreError> {
        self.guild_exists(guild).await?;
        let queries = page_queries!(
            "id, name, guild_id, created_by, created_ms, is_default, is_private",
            "boards",
            "guild_id = $4",
            "position",
            "id"
        );
        Ok(self.page(queries, wanted, &[Some(guild.as_str())]).await?.map(Columns::read))
    }

    async fn board_exists(&self, board: &BoardId) -> Result<(), StoreError> {
        let row: Option<(String,)> = sqlx::query_as("SELECT id FROM boards WHERE id = $1")
            .bind(board.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.map(|_| ()).ok_or_else(|| StoreError::not_found("board", board.as_str()))
    }

    /// Pins a message to a board, whether the message exists or not. Returns whether it was not pinned before.
    ///
    /// # Errors
    /// `NotFound` when there is no such board.
    pub async fn add_board_message(&self, board: &BoardId, message: &str) -> Result<bool, StoreError> {
        self.board_exists(board).await?;
        let done = sqlx::query(
            "INSERT INTO board_messages (board_id, message_id) VALUES ($1, $2)
             ON CONFLICT (board_id, message_id) DO NOTHING",
        )
        .bind(board.as_str())
        .bind(message)
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes a message from a board. Returns whether it was pinned.
    ///
    /// # Errors
    /// `NotFound` when there is no such board.
    pub async fn remove_board_message(&self, board: &BoardId, message: &str) -> Result<bool, StoreError> {
        self.board_exists(board).await?;
        let done = sqlx::query("DELETE FROM board_messages WHERE board_id = $1 AND message_id = $2")
            .bind(board.as_str())
            .bind(message)
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Returns a page of the messages of a board, in alphabetical order.
    ///
    /// # Errors
    /// `NotFound` when there is no such board.
    pub async fn board_messages(&self, board: &BoardId, wanted: &PageRequest) -> Result<Page<String>, StoreError> {
        self.board_exists(board).await?;
        let rows: Vec<(String,)> = sqlx::query_as("SELECT message_id FROM board_messages WHERE board_id = $1")
            .bind(board.as_str())
            .fetch_all(&self.readers)
            .await?;
        // Ordered here: databases have different alphabetical orders.
        Ok(Page::of_list(rows.into_iter().map(|(message,)| message).collect(), wanted, |message| message))
    }
}
