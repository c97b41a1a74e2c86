"""Tests outside the shared suites that show a check of a connector, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.connectors.checks import Check

ELSEWHERE: Mapping[str, Mapping[Check, tuple[str, ...]]] = {
    "call400": {
        Check.ONCE: (
            "tests/store/test_call400.py::test_states_in_any_order_and_twice_are_one_lead_and_one_interaction",
            "tests/store/test_call400_lists.py::test_a_call_that_is_pushed_and_listed_is_one_lead_and_one_interaction",
        ),
    },
    "douyin": {
        Check.PAGES: (
            "tests/store/test_pull.py::test_leads_that_appear_while_paging_push_none_out",
            "tests/store/test_laike.py::test_local_leads_that_appear_while_paging_push_none_out",
        ),
        Check.TOKENS: (
            "tests/store/test_authorize.py::test_pullers_at_once_refresh_once_and_all_get_the_living_token",
        ),
        Check.CURSOR: (
            "tests/store/test_pull.py::test_a_pull_that_dies_between_pages_is_resumed_without_loss",
            "tests/store/test_pull.py::test_page_and_cursor_are_stored_together_or_not_at_all",
        ),
    },
    "esign": {
        Check.ONCE: (
            "tests/store/test_signing.py::test_callbacks_doubled_and_shuffled_give_one_state_per_flow",
        ),
        Check.CURSOR: (
            "tests/store/test_signing.py::test_a_flow_whose_last_callback_was_lost_is_found_by_the_night",
        ),
    },
    "fadada": {
        Check.ONCE: (
            "tests/store/test_signing.py::test_tasks_doubled_and_shuffled_give_one_state_each",
        ),
    },
    "file": {
        Check.ONCE: (
            "tests/store/test_import.py::test_the_same_file_twice_changes_nothing",
            "tests/store/test_import.py::test_a_push_and_a_row_with_its_id_are_one_lead",
        ),
        Check.CURSOR: (
            "tests/store/test_import.py::test_an_import_that_was_cut_off_is_run_again",
        ),
        Check.VERSIONS: (
            "tests/store/test_import.py::test_other_columns_under_a_saved_name_are_a_new_version",
        ),
        Check.PRIVATE: (
            "tests/store/test_import.py::test_nothing_of_a_person_lies_in_plain_text",
            "tests/e2e/test_import_command.py::test_a_file_is_imported_and_nothing_personal_is_shown",
        ),
    },
    "kingdee": {
        Check.ONCE: (
            "tests/store/test_kingdee.py::test_what_counts_in_the_store_is_what_counts_in_the_books",
        ),
    },
    "meituan": {
        Check.ONCE: (
            "tests/e2e/test_three_channels.py::test_what_douyins_push_lost_the_count_of_the_day_finds_and_the_pull_brings",
        ),
        Check.RETRIES: (
            "tests/unit/connectors/meituan/test_simulator.py::test_only_what_may_pass_is_tried_again",
        ),
    },
    "tencent_esign": {
        Check.SIGNATURE: (
            "tests/connectors/test_tencent_esign.py::test_what_cannot_be_decrypted_is_kept_and_says_why",
        ),
    },
    "webform": {
        Check.SIGNATURE: (
            "tests/unit/connectors/webform/test_trap.py::test_a_token_of_another_form_is_forged",
            "tests/unit/receiver/test_forms.py::test_an_origin_that_is_not_on_the_list_is_refused",
        ),
        Check.ANSWERS: (
            "tests/unit/receiver/test_forms.py::test_a_preflight_echoes_an_origin_of_the_list",
        ),
        Check.ONCE: (
            "tests/unit/receiver/test_forms.py::test_the_same_submission_again_is_the_same_id_and_200",
        ),
        Check.PRIVATE: (
            "tests/unit/receiver/test_forms.py::test_no_line_of_the_log_tells_anything_of_a_person",
        ),
    },
    "wecom": {
        Check.SIGNATURE: (
            "tests/connectors/test_wecom.py::test_a_body_that_was_not_signed_is_refused_with_one_error",
        ),
        Check.ANSWERS: ("tests/connectors/test_wecom.py::test_the_vendors_challenge_is_answered",),
        Check.ONCE: (
            "tests/store/test_wecom.py::test_every_acknowledged_event_is_asked_about_and_customers_are_leads",
        ),
        Check.CURSOR: (
            "tests/unit/connectors/wecom/test_lists.py::test_a_pull_that_stopped_goes_on_behind_the_last_page_stored",
        ),
    },
    "xiaohongshu": {
        Check.SIGNATURE: (
            "tests/connectors/test_xiaohongshu.py::test_a_signature_of_another_kind_is_refused_with_one_error",
        ),
        Check.ONCE: (
            "tests/store/test_xiaohongshu.py::test_every_acknowledged_form_is_one_lead",
            "tests/store/test_xiaohongshu.py::test_a_direct_message_in_three_parts_is_one_lead_with_all_of_them",
        ),
        Check.RETRIES: (
            "tests/unit/connectors/xiaohongshu/test_oauth.py::test_no_answer_is_worth_another_try",
            "tests/unit/connectors/xiaohongshu/test_oauth.py::test_an_answer_without_tokens_is_one_of_our_errors",
        ),
    },
    "yonbip": {
        Check.RETRIES: (
            "tests/connectors/test_yonbip.py::test_a_refusal_says_whether_to_try_again",
        ),
    },
}
