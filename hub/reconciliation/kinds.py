"""What reconciliation says: rules of matching, kinds of breaks, reasons to ask; each with its Chinese words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Rule(StrEnum):
    """Why a document belongs to a contract, in the order in which the rules are tried."""

    ANSWER = "answer"
    CONTRACT_NUMBER = "contract_number"
    SEVERAL_CONTRACTS = "several_contract_numbers"
    RECEIVABLE_NUMBER = "receivable_number"
    REQUEST_NUMBER = "request_number"
    INVOICE_NUMBER = "invoice_number"
    RECEIPT_NUMBER = "receipt_number"
    RED_OF = "red_of"
    OPPORTUNITY_NUMBER = "opportunity_number"
    ORDER_NUMBER = "order_number"
    PARTY_AMOUNT_DATE = "party_amount_date"
    MERGED = "merged"
    INSTALMENTS = "instalments"


class BreakKind(StrEnum):
    """What does not agree."""

    CUSTOMER_UNKNOWN = "contract_customer_unknown"
    SIGNED_WITHOUT_CONTRACT = "signed_without_contract"
    SIGNED_UNSEALED = "signed_unsealed"
    FRAMEWORK_COUNTED = "framework_counted"
    AMOUNT_DIFFERS = "amount_differs"
    APPROVAL_MISSING = "approval_missing"
    APPROVAL_REJECTED = "approval_rejected"
    SCAN_MISSING = "scan_missing"
    ACCOUNT_NOT_FILED = "account_not_filed"
    AMENDMENT_WITHOUT_CONTRACT = "amendment_without_contract"
    VOIDED_STILL_USED = "voided_still_used"
    PARTY_DIFFERS = "party_differs"
    DUPLICATE_NUMBER = "duplicate_number"
    COPIES_DIFFER = "copies_differ"
    CURRENCY_DIFFERS = "currency_differs"
    NEGATIVE_AMOUNT = "negative_amount"
    AMOUNT_MISSING = "amount_missing"
    STATE_UNREADABLE = "state_unreadable"
    CONTRACT_NOT_INVOICED = "contract_not_invoiced"
    INVOICE_WITHOUT_CONTRACT = "invoice_without_contract"
    INVOICE_OVER = "invoice_over"
    RED_WITHOUT_BLUE = "red_without_blue"
    RED_OVER = "red_over"
    RECEIVABLE_WITHOUT_CONTRACT = "receivable_without_contract"
    RECEIVABLE_OVERDUE = "receivable_overdue"
    RECEIPT_WITHOUT_CONTRACT = "receipt_without_contract"
    RECEIPT_WITHOUT_INVOICE = "receipt_without_invoice"
    RECEIPT_OVER = "receipt_over"
    REFUND_WITHOUT_RECEIPT = "refund_without_receipt"
    REFUND_OVER = "refund_over"


BREAK_WORDS: Mapping[BreakKind, str] = {
    BreakKind.CUSTOMER_UNKNOWN: "合同客户不明",
    BreakKind.SIGNED_WITHOUT_CONTRACT: "已签约无合同",
    BreakKind.SIGNED_UNSEALED: "已签约未盖章",
    BreakKind.FRAMEWORK_COUNTED: "框架协议计入签约",
    BreakKind.AMOUNT_DIFFERS: "金额不一致",
    BreakKind.APPROVAL_MISSING: "缺法务审批",
    BreakKind.APPROVAL_REJECTED: "法务已驳回",
    BreakKind.SCAN_MISSING: "缺合同扫描件",
    BreakKind.ACCOUNT_NOT_FILED: "收款账户未备案",
    BreakKind.AMENDMENT_WITHOUT_CONTRACT: "补充协议无原合同",
    BreakKind.VOIDED_STILL_USED: "已作废合同仍有开票或回款",
    BreakKind.PARTY_DIFFERS: "往来单位不一致",
    BreakKind.DUPLICATE_NUMBER: "编号重复",
    BreakKind.COPIES_DIFFER: "两个系统记录不一致",
    BreakKind.CURRENCY_DIFFERS: "币种不一致",
    BreakKind.NEGATIVE_AMOUNT: "负数金额",
    BreakKind.AMOUNT_MISSING: "金额缺失",
    BreakKind.STATE_UNREADABLE: "状态无法识别",
    BreakKind.CONTRACT_NOT_INVOICED: "逾期未开票",
    BreakKind.INVOICE_WITHOUT_CONTRACT: "有票无合同",
    BreakKind.INVOICE_OVER: "开票超合同额",
    BreakKind.RED_WITHOUT_BLUE: "红字发票无蓝票",
    BreakKind.RED_OVER: "红冲超过蓝票",
    BreakKind.RECEIVABLE_WITHOUT_CONTRACT: "应收无合同",
    BreakKind.RECEIVABLE_OVERDUE: "应收逾期",
    BreakKind.RECEIPT_WITHOUT_CONTRACT: "有款无合同",
    BreakKind.RECEIPT_WITHOUT_INVOICE: "有款无票",
    BreakKind.RECEIPT_OVER: "回款超合同额",
    BreakKind.REFUND_WITHOUT_RECEIPT: "退款无回款",
    BreakKind.REFUND_OVER: "退款超过回款",
}
"""What people in finance say."""


class Asked(StrEnum):
    """Why a person is asked."""

    SEVERAL_CONTRACTS = "several_contracts"
    SEVERAL_DOCUMENTS = "several_documents"
    SEVERAL_SUMS = "several_sums"
    PARTIAL = "partial"
    TOO_MANY = "too_many"


ASKED_WORDS: Mapping[Asked, str] = {
    Asked.SEVERAL_CONTRACTS: "有多份合同金额相符",
    Asked.SEVERAL_DOCUMENTS: "有多张单据争同一份合同",
    Asked.SEVERAL_SUMS: "有多种合并方式",
    Asked.PARTIAL: "可能是部分款项",
    Asked.TOO_MANY: "未结合同太多，不作猜测",
}
"""The same for people."""
