//! Reads header values with parameters (`form-data; name="file"; filename="a;b.txt"`) as RFC 9110, section 5.6.6, has
//! them: names in any case, blanks around semicolons, quoted values in which semicolons and escapes count as text.

use percent_encoding::percent_decode_str;

/// A header value: what is before the first semicolon, in lower case, and the parameters in their order.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameters {
    pub value: String,
    named: Vec<(String, Vec<u8>)>,
}

impl Parameters {
    /// Reads a header value. What is not a parameter is skipped.
    pub fn read(header: &[u8]) -> Self {
        let mut parts = split(header).into_iter();
        let value = parts.next().map(|part| text(trimmed(part)).to_ascii_lowercase()).unwrap_or_default();
        let named = parts.filter_map(|part| {
            let at = part.iter().position(|byte| *byte == b'=')?;
            let name = text(trimmed(&part[..at])).to_ascii_lowercase();
            Some((name, unquoted(trimmed(&part[at + 1..]))))
        });
        Self { value, named: named.collect() }
    }

    /// Returns the first parameter of a name in lower case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.named.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_slice())
    }

    /// Returns the number of parameters of a name.
    pub fn count(&self, name: &str) -> usize {
        self.named.iter().filter(|(other, _)| other == name).count()
    }

    /// Returns the file name of a Content-Disposition: `filename`, wherever it stands, else `filename*` (RFC 8187),
    /// which forms should not have. Bytes that are no UTF-8 are replaced.
    pub fn file_name(&self) -> Option<String> {
        if let Some(name) = self.get("filename") {
            return Some(text(name));
        }
        let extended = text(self.get("filename*")?);
        let mut parts = extended.splitn(3, '\'');
        let (charset, _language, encoded) = (parts.next()?, parts.next()?, parts.next()?);
        if !charset.eq_ignore_ascii_case("utf-8") {
            return None;
        }
        percent_decode_str(encoded).decode_utf8().ok().map(|name| name.into_owned())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Without blanks and tabs at both ends.
fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// The parts between semicolons that are not in quotes.
fn split(header: &[u8]) -> Vec<&[u8]> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in header.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => {
                parts.push(&header[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&header[start..]);
    parts
}

/// A value without its quotes. Only a quote and a backslash are unescaped: browsers of Windows send paths with single
/// backslashes.
fn unquoted(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"").map(|rest| rest.strip_suffix(b"\"").unwrap_or(rest)) else {
        return value.to_vec();
    };
    let (mut plain, mut rest) = (Vec::with_capacity(inner.len()), inner);
    while let [first, others @ ..] = rest {
        rest = match (first, others) {
            (b'\\', [next @ (b'"' | b'\\'), after @ ..]) => {
                plain.push(*next);
                after
            }
            _ => {
                plain.push(*first);
                others
            }
        };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_found_wherever_it_stands() {
        for (header, name) in [
            ("form-data; name=\"file\"; filename=\"a.txt\"", Some("a.txt")),
            ("form-data; name=\"file\"; filename*=UTF-8''b.txt; filename=\"a.txt\"", Some("a.txt")),
            ("form-data; filename=\"a.txt\"; filename*=UTF-8''b.txt; name=file", Some("a.txt")),
            ("form-data; name=\"file\"; filename*=utf-8'en'r%C3%A9sum%C3%A9.txt", Some("résumé.txt")),
            ("form-data; name=\"x; filename=decoy.txt\"; FileName=\"kept.txt\"", Some("kept.txt")),
            ("form-data ;\tname = file ; filename = a.txt ;", Some("a.txt")),
            (r#"form-data; name="file"; filename="say \"hi\"; ok.txt""#, Some("say \"hi\"; ok.txt")),
            (r#"form-data; name="file"; filename="C:\dir\a.txt""#, Some(r"C:\dir\a.txt")),
            ("form-data; name=\"file\"; filename*=ISO-8859-1''b.txt", None),
            ("form-data; name=\"file\"", None),
        ] {
            assert_eq!(Parameters::read(header.as_bytes()).file_name().as_deref(), name, "{header}");
        }
    }

    #[test]
    fn a_value_is_split_outside_of_quotes_only() {
        let read = Parameters::read(b"Multipart/Form-Data\t; charset=utf-8;BOUNDARY=\"a b;c\" ;");
        assert_eq!(read.value, "multipart/form-data");
        assert_eq!(read.get("boundary"), Some(b"a b;c".as_slice()));
        assert_eq!(read.count("boundary"), 1);
        assert_eq!(Parameters::read(b"").value, "");
    }
}
