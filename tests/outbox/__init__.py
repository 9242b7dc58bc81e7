"""The outbox: each text is stored before it is sent, sent at most once, and told what became of it, whatever happens.

Three vendors stand for all: one that recognises a repeat (BulkSMS), one that lists what was sent (Twilio), and one that
does neither (a gammu gateway).
"""
