//! What a logger is answered: the frame's QN, PW and MN, ST=91, no wish for an answer in turn.

use crate::adapters::payload::hj212::crc;
use crate::adapters::payload::hj212::head::Head;

/// Answers and requests of a platform: they are never answered.
const ANSWERS: [u16; 5] = [9_011, 9_012, 9_013, 9_014, 9_022];

/// Whether a frame is itself an answer.
pub(super) fn is_answer(head: &Head) -> bool {
    ANSWERS.contains(&head.cn)
}

/// The answer a frame is owed once it is durable, if any.
pub(super) fn to(head: &Head) -> Option<Vec<u8>> {
    let (cn, region) = match head.cn {
        _ if is_answer(head) => return None,
        // A login of 2005 and a heartbeat are answered without being asked.
        9_021 => (9_022, "QnRtn=1"),
        9_015 => (9_013, ""),
        _ if !head.wants_answer() => return None,
        1_013 => (9_013, ""),
        _ => (9_014, ""),
    };
    let qn = head.qn.as_ref();
    let qn = qn.map_or_else(String::new, |qn| format!("QN={qn};"));
    // Its edition, and no more.
    let flag = head.flag & !3;
    let (pw, mn) = (&head.pw, &head.mn);
    let segment = format!("{qn}ST=91;CN={cn};PW={pw};MN={mn};Flag={flag};CP=&&{region}&&");
    let check = crc::hj(segment.as_bytes());
    Some(format!("##{:04}{segment}{check:04X}\r\n", segment.len()).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(segment: &str, expected: Option<&str>) {
        let head = Head::read(segment.as_bytes()).expect("sound");
        let answer = to(&head).map(|bytes| String::from_utf8(bytes).expect("text"));
        assert_eq!(answer.as_deref().map(str::trim_end), expected, "{segment}");
    }

    #[test]
    fn a_frame_is_answered_as_it_asks() {
        let frame = |qn: &str, cn: u16, flag: u8| {
            format!(
                "QN={qn};ST=31;CN={cn};PW=123456;MN=010000A8900016F000169DC0;Flag={flag};CP=&&DataTime=1&&"
            )
        };
        let qn = "20160801085857534";
        // As the standard's own example of a split record has it.
        check(
            &frame(qn, 2061, 7).replace("Flag=7", "Flag=7;PNUM=2;PNO=1"),
            Some(
                "##0087QN=20160801085857534;ST=91;CN=9014;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&&&5B40",
            ),
        );
        check(
            &frame("20260312134600000", 9015, 8),
            Some(
                "##0087QN=20260312134600000;ST=91;CN=9013;PW=123456;MN=010000A8900016F000169DC0;Flag=8;CP=&&&&EF41",
            ),
        );
        check(
            &frame("20160801085857223", 1013, 5),
            Some(
                "##0087QN=20160801085857223;ST=91;CN=9013;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&&&2A80",
            ),
        );
        for silent in [frame(qn, 2061, 4), frame(qn, 9014, 5), frame(qn, 9011, 5)] {
            check(&silent, None);
        }
        let without = "ST=32;CN=2011;PW=1;MN=M;Flag=1;CP=&&&&";
        let answer = to(&Head::read(without.as_bytes()).expect("sound")).expect("an answer");
        assert!(answer.starts_with(b"##0038ST=91;CN=9014;PW=1;MN=M;Flag=0;CP=&&&&"));
        let login = "ST=91;CN=9021;PW=1;MN=M;CP=&&&&";
        let answer = to(&Head::read(login.as_bytes()).expect("sound")).expect("an answer");
        assert!(answer.windows(18).any(|part| part == b"CN=9022;PW=1;MN=M;"));
    }
}
