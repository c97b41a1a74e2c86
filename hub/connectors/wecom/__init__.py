"""企业微信 (WeCom). What is confirmed and what is not stands in README.md."""
