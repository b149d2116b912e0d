//! Pages in the encodings of the web, which tell theirs in one way or another, or not at all.
//!
//! Does not know the connection, nor how a page is decoded.
//!
//! Beside its title each has what people take from pages: a table in a table, a list, and a value within a script.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use http::StatusCode;

use super::answer::{Action, Answer};
use super::request::Request;

/// A text that an encoding is made for: what it is called in requests, a title, and two names.
struct Sample {
    label: &'static str,
    title: &'static str,
    names: [&'static str; 2],
}

const CHINESE: (&str, [&str; 2]) = ("山区新闻与视频目录", ["春天的茶园里采茶忙", "铁路桥今日正式通车"]);
const TAIWANESE: (&str, [&str; 2]) = ("山區新聞與影片目錄", ["春天的茶園裡採茶忙", "鐵路橋今日正式通車"]);
const JAPANESE: (&str, [&str; 2]) =
    ("山のニュースと動画の一覧", ["春の茶畑で新茶を摘む", "鉄道の橋がきょう開通した"]);
const KOREAN: (&str, [&str; 2]) =
    ("산골 소식과 영상 목록", ["봄날 차밭에서 찻잎을 딴다", "철교가 오늘 정식으로 열렸다"]);
const RUSSIAN: (&str, [&str; 2]) =
    ("Горные новости и записи", ["Весной собирают чай", "Сегодня открыт мост"]);
const FRENCH: (&str, [&str; 2]) =
    ("Nouvelles de la forêt", ["Le thé récolté au printemps", "Un pont à côté"]);

static SAMPLES: &[Sample] = &[
    sample("gbk", CHINESE),
    sample("gb2312", CHINESE),
    sample("gb18030", CHINESE),
    sample("big5", TAIWANESE),
    sample("shift_jis", JAPANESE),
    sample("euc-jp", JAPANESE),
    sample("iso-2022-jp", JAPANESE),
    sample("euc-kr", KOREAN),
    sample("windows-1251", RUSSIAN),
    sample("koi8-r", RUSSIAN),
    sample("windows-1252", FRENCH),
    sample("utf-8", CHINESE),
    sample("utf-16le", CHINESE),
    sample("utf-16be", RUSSIAN),
];

const fn sample(label: &'static str, (title, names): (&'static str, [&'static str; 2])) -> Sample {
    Sample { label, title, names }
}

/// `/encoded/LABEL?by=WAY`.
pub(super) fn page(request: &Request<'_>, label: &str, answer: &mut Answer<'_>) -> Action {
    let Some(sample) = SAMPLES.iter().find(|sample| sample.label == label) else {
        let labels: Vec<&str> = SAMPLES.iter().map(|sample| sample.label).collect();
        return answer.notice(StatusCode::NOT_FOUND, &format!("There is {}.", labels.join(", ")));
    };
    let told = |label: &str| format!("text/html; charset={label}");
    let meta = format!("<meta charset=\"{label}\">\n");
    let untold = "text/html".to_owned();
    let (content_type, meta, mark) = match request.query_value("by").unwrap_or("header") {
        "header" => (told(label), "", ""),
        "meta" => (untold, &*meta, ""),
        "mark" => (told("windows-1252"), "", "\u{feff}"),
        "nothing" => (untold, "", ""),
        // UTF-8 is what most servers claim, and hardly anything else is valid in it.
        "wrong" => (told(if label == "utf-8" { "big5" } else { "utf-8" }), "", ""),
        _ => {
            return answer
                .notice(StatusCode::BAD_REQUEST, "Say by what: header, meta, mark, nothing or wrong.");
        }
    };
    let text = format!("{mark}{}", sample.page(meta));
    let field = ("Content-Type", content_type.as_bytes());
    answer.respond(StatusCode::OK, &[field], |body| body.extend_from_slice(&encode(&text, label)))
}

impl Sample {
    fn page(&self, meta: &str) -> String {
        let Self { title, names: [first, second], .. } = self;
        format!(
            "<!DOCTYPE html>
<html>
<head>
{meta}<title>{title}</title>
</head>
<body>
<div id=\"morelist\"><div>
<table><tr><td><a href=\"/\">{title}</a></td></tr></table>
<table><tr><td><table>
<tr><td>1</td><td><a href=\"/page/1\">{title}</a> <a href=\"/page/11?n=1&amp;m=2\">{first}</a></td></tr>
<tr><td>2</td><td><a href=\"/page/2\">{title}</a> <a href=\"/page/12\">{second}</a></td></tr>
</table></td></tr></table>
</div></div>
<div id=\"listvideoList\"><ul>
<li><div><a href=\"/page/21\">{first}</a></div></li>
<li><div><a href=\"/page/22\">{second}</a></div></li>
</ul></div>
<script>var video = {{srcUrl=\"/bytes/1000\",vdoUrl=\"\"}};</script>
</body>
</html>
"
        )
    }
}

fn encode(text: &str, label: &str) -> Vec<u8> {
    match Encoding::for_label(label.as_bytes()) {
        Some(encoding) if encoding == UTF_16LE => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Some(encoding) if encoding == UTF_16BE => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Some(encoding) => encoding.encode(text).0.into_owned(),
        None => text.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_can_be_written_in_its_encoding() {
        for sample in SAMPLES {
            let encoding = Encoding::for_label(sample.label.as_bytes()).unwrap();
            let page = sample.page("");
            let decoded = encoding.decode(&encode(&page, sample.label)).0.into_owned();
            assert_eq!(decoded, page, "{}", sample.label);
        }
    }
}
