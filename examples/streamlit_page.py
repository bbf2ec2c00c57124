"""A Streamlit page with both panels. EXAMPLE_OPERATOR=1 lets whoever opens it clear and warm.

pip install ".[app]"                                (in the checkout, once)
REDIS_URL=redis://127.0.0.1:6379/0 streamlit run examples/streamlit_page.py
"""

import os
import time

import streamlit as st

from cache_core.streamlit import CacheConnection, WarmPlan, cache_metrics, cache_operations

REGIONS = ["north", "south", "east", "west"]
conn = st.connection("cache", type=CacheConnection)


@conn.cached("page.sales", ttl_s=600, tags=lambda region: [f"region:{region}"])
def sales(region: str) -> list[int]:
    time.sleep(0.5)  # a slow query
    return [len(region) * day % 7 for day in range(28)]


st.title("Sales")
st.line_chart(sales(st.selectbox("Region", REGIONS)))
st.header("How the cache does")
cache_metrics(conn)
st.header("Clear and warm")
plan = WarmPlan(sales, [(region,) for region in REGIONS])
cache_operations(conn, plans=[plan], can_operate=os.environ.get("EXAMPLE_OPERATOR") == "1")
