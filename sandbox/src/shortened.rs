//! Long texts are cut before they are reported.

/// Returns the beginning of a text, at most `most_bytes` long, with an ellipsis when there is more.
pub(crate) fn shortened(text: &str, most_bytes: usize) -> String {
    if text.len() <= most_bytes {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(most_bytes)])
}
