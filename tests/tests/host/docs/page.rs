//! The fenced blocks of a page, and the marks above them. A mark is an HTML comment on a line of its own right above the
//! block; readers do not see it. Nothing is run here.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// What a comment above a block says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `not run: REASON`: the commands do not run in a test.
    NotRun(String),
    /// `host`: the commands start a host, which runs until the next such block or the end of the page.
    Host,
    /// `fails`: the last command ends with another exit code than 0.
    Fails,
    /// `output`: what the commands of the block before print.
    Output,
    /// `file: PATH`: the block is the whole or a part of this file.
    File(String),
    /// `part`: the block is a piece of a document.
    Part,
}

impl Mark {
    fn parse(comment: &str) -> Result<Self, String> {
        let said = comment.trim();
        match said.split_once(": ") {
            Some(("not run", reason)) if reason.len() >= 10 => Ok(Self::NotRun(reason.to_owned())),
            Some(("file", path)) => Ok(Self::File(path.to_owned())),
            _ => match said {
                "host" => Ok(Self::Host),
                "fails" => Ok(Self::Fails),
                "output" => Ok(Self::Output),
                "part" => Ok(Self::Part),
                _ => Err(format!("no mark, or one without a reason: <!-- {said} -->")),
            },
        }
    }
}

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The word after the opening fence; empty without one.
    pub language: String,
    pub text: String,
    /// The line of the opening fence, from 1.
    pub line: usize,
    pub mark: Option<Mark>,
}

/// Returns the fenced blocks of a page in their order.
///
/// # Errors
/// The line of a comment above a block that is no mark.
pub fn blocks(page: &str) -> Result<Vec<Block>, String> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut comment: Option<String> = None;
    let mut open: Option<Block> = None;
    for (event, range) in Parser::new(page).into_offset_iter() {
        let line = || page[..range.start].matches('\n').count() + 1;
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                let mark = comment.take().map(|comment| Mark::parse(&comment)).transpose();
                let mark = mark.map_err(|wrong| format!("line {}: {wrong}", line()))?;
                open = Some(Block { language: language.to_string(), text: String::new(), line: line(), mark });
            }
            Event::Text(text) => {
                comment = None;
                if let Some(block) = &mut open {
                    block.text.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            Event::Html(html) => comment = comment_in(&html).or(comment),
            Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => {}
            _ => comment = None,
        }
    }
    Ok(blocks)
}

fn comment_in(html: &str) -> Option<String> {
    Some(html.trim().strip_prefix("<!--")?.strip_suffix("-->")?.trim().to_owned())
}

#[test]
fn a_block_has_the_mark_of_the_comment_above_it() {
    let page = "text\n\n<!-- not run: it never ends -->\n```sh\nyes\n```\n\n```sh\ntrue\n```\n<!-- output -->\n```text\n\n```\n";
    let found = blocks(page).unwrap();
    let marks: Vec<_> = found.iter().map(|block| (block.line, block.language.as_str(), block.mark.clone())).collect();
    assert_eq!(
        marks,
        [(4, "sh", Some(Mark::NotRun("it never ends".to_owned()))), (8, "sh", None), (12, "text", Some(Mark::Output))]
    );
    assert_eq!(found[0].text, "yes\n");
    let far = blocks("<!-- host -->\n\nwords\n\n```sh\n```\n").unwrap();
    assert_eq!(far[0].mark, None, "a comment belongs to the block right below it");
    assert!(blocks("<!-- hots -->\n```sh\n```\n").unwrap_err().contains("hots"));
    assert!(blocks("<!-- not run: -->\n```sh\n```\n").is_err(), "a reason is needed");
}
