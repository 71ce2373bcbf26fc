"""注意力：打分、多头、Transformer 与 BERT。"""
